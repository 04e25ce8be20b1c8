// The screen's tasks.
import { partOf, ranged, task } from '../threads/task.ts'
import { featuresAtOnce, GROUP, SCRATCH, TIMED_PARTS, wholeTiles } from './layout.ts'

/**
 * A chunk is a range of groups of features, which pass through all of the screen a few at a time. It has its own `tallies`
 * [chunks][rows], `places` [chunks] says where its entries go, and `milliseconds` [chunks][TIMED_PARTS] how long each part took.
 */
const screen = task(
  'rows padded values constants int8 features x weights bias floors dimensions dimensionCount most leftOut tallies places milliseconds last perChunk',
  (args, { kernels, memory, chunk, scratch }) => {
    const { rows } = args
    const part = partOf(args, chunk)
    const atOnce = featuresAtOnce(rows) / GROUP
    const places = { tallies: args.tallies + chunk * rows * 4, place: args.places + chunk * 4 }
    const own = { ...args, ...places, tall: wholeTiles(rows), sums: scratch + SCRATCH.sums, scratch }
    const milliseconds = new Float64Array(
      memory.buffer,
      args.milliseconds,
      (chunk + 1) * TIMED_PARTS,
    ).subarray(-TIMED_PARTS)
    let before = performance.now()
    const timed = (index: number) => {
      const now = performance.now()
      milliseconds[index] += now - before
      before = now
    }
    for (let first = part.first; first < part.last; first += atOnce) {
      const last = Math.min(part.last, first + atOnce)
      kernels.int8Products({ ...own, first, last })
      timed(0)
      kernels.boundTest({ ...own, first, last })
      timed(1)
      kernels.computeCandidates({ ...own, first: first * GROUP, last: last * GROUP })
      timed(2)
    }
  },
)

/** One chunk of work: the entries of all of the screen's chunks, from `starts` [chunks] to `ends`, one after the other. */
const countEntries = task('chunks starts ends counts', (args, { kernels }) => {
  for (let i = 0; i < args.chunks; i++)
    kernels.countEntries({ ...args, start: args.starts + i * 4, end: args.ends + i * 4 })
})

/** The same. */
const scatter = task('chunks starts ends next indices values', (args, { kernels }) => {
  for (let i = 0; i < args.chunks; i++)
    kernels.scatter({ ...args, start: args.starts + i * 4, end: args.ends + i * 4 })
})

/** A chunk is the first group of features of every `stride` of them: x W + b goes to its place in out [rows, outputs]. */
const sampleFeatures = task(
  'x rows padded weights bias out outputs stride',
  (args, { kernels, chunk, scratch }) => {
    const first = chunk * args.stride
    const out = args.out + (chunk * GROUP - first) * 4
    kernels.preActivations({ ...args, out, first, last: first + GROUP, sums: scratch })
  },
)

export const SCREEN_TASKS = {
  quantizeFeatures: ranged('quantizeFeatures'),
  quantizeRows: ranged('quantizeRows'),
  sampleFeatures,
  screen,
  countEntries,
  scatter,
}
