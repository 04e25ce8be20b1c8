// How a product is cut into shares that threads take: a range of rows by a range of W's panels each.
import type { Numbers } from '../kernels.ts'
import { TILE_ROWS, tilePanels } from '../tile-sizes.ts'

/** Bytes of x, and of W's panels, that are to stay in a core's second cache together (1 MiB on current machines). */
const CACHED_BYTES = 384 * 1024

/** Multiply-adds below which waking other threads costs more than it saves. */
const WORTH_SHARING = 1 << 17

/** Shares side by side at most: leaves room for as many shares one below the other as threads ask for. */
const MAX_ACROSS = 1024

type Product = Numbers<'rows' | 'inputs' | 'outputs' | 'panel'>
type Cut = Numbers<'panelsPerChunk' | 'rowsPerChunk'>

/** Cut by panels, and by rows too where there are few panels. `rowsAtOnce` rows of x stay in the cache. */
export function cutProduct(
  { rows, inputs, outputs, panel }: Product,
  threads: number,
): Cut & Numbers<'rowsAtOnce' | 'chunks'> {
  const panels = Math.ceil(outputs / panel)
  const wanted = rows * inputs * outputs < WORTH_SHARING ? 1 : 4 * threads
  // panels of a share: few enough for every thread to get some, and to stay cached while blocks of rows pass
  const cachedPanels = Math.max(1, Math.floor(CACHED_BYTES / Math.max(1, inputs * panel * 4)))
  const group = rows <= 2 ? tilePanels(rows) : 1
  const share = Math.ceil(panels / wanted / group) * group
  const leastPanels = Math.ceil(panels / MAX_ACROSS)
  const panelsPerChunk = Math.max(threads > 1 ? Math.min(share, cachedPanels) : cachedPanels, leastPanels)
  const across = Math.ceil(panels / panelsPerChunk)
  const rowsPerChunk = evenParts(rows, Math.min(Math.ceil(wanted / across), Math.ceil(rows / TILE_ROWS)))
  const rowsAtOnce = evenParts(rowsPerChunk, Math.ceil((rowsPerChunk * inputs * 4) / CACHED_BYTES))
  return { panelsPerChunk, rowsPerChunk, rowsAtOnce, chunks: across * Math.ceil(rows / rowsPerChunk) }
}

/** The rows and the panels of share number `chunk`; shares side by side are numbered first. */
export function shareOf(
  { rows, outputs, panel, panelsPerChunk, rowsPerChunk }: Omit<Product, 'inputs'> & Cut,
  chunk: number,
): Numbers<'firstRow' | 'lastRow' | 'firstPanel' | 'lastPanel'> {
  const panels = Math.ceil(outputs / panel)
  const across = Math.ceil(panels / panelsPerChunk)
  const firstRow = Math.floor(chunk / across) * rowsPerChunk
  const firstPanel = (chunk % across) * panelsPerChunk
  return {
    firstRow,
    lastRow: Math.min(firstRow + rowsPerChunk, rows),
    firstPanel,
    lastPanel: Math.min(firstPanel + panelsPerChunk, panels),
  }
}

/** The size of a part when `total` is cut into `parts` parts, alike but for the last. */
function evenParts(total: number, parts: number): number {
  return Math.ceil(total / Math.max(1, parts))
}
