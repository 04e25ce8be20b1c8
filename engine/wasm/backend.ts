import type {
  Activation,
  Backend,
  DeviceTensor,
  Linear,
  Norm,
  RowCache,
  Table,
  TextSpan,
} from '../backend.ts'
import * as check from '../checks.ts'
import type { ScreenCounts } from '../screen-counts.ts'
import type { SparseRows } from '../sparse.ts'
import { matrixShape, sizeOf, Tensor, type Shape } from '../tensor.ts'
import { forEachRowBlock, type WeightSource } from '../weights.ts'
import { runAttention } from './attention.ts'
import { Engine, type EngineOptions, type Platform } from './engine.ts'
import { runLinear } from './linear.ts'
import { prepareLinear, READ_AT_ONCE, readColumn, type PackedLinear } from './panels.ts'
import { selfCheck } from './self-check.ts'
import { Screen } from './screen.ts'
import { runSparseDecode } from './sparse-decode.ts'
import { encodeDensely } from './sparse-encode.ts'
import { Block, WasmTensor, wasmTensor } from './tensors.ts'
import { topKOfRow } from './top-k.ts'

interface WasmTable extends Table {
  readonly block: Block
}

interface WasmNorm extends Norm {
  readonly weight: WasmTensor
  readonly bias: WasmTensor
}

interface WasmCache extends RowCache {
  readonly block: Block
  length: number
}

/** Numbers of an elementwise op below which a chunk of it is not worth another thread's waking up. */
const LEAST_NUMBERS = 1 << 14

/** What may be chosen beside the engine's own options. */
export interface WasmOptions extends EngineOptions {
  /** How sparseEncode finds what is positive; both give the same bits. Screened unless said otherwise. */
  readonly sparseEncoder?: 'dense' | 'screened'
}

/**
 * The ops as WebAssembly SIMD kernels over one memory and a pool of threads. A tensor lives until the scope it was made
 * in ends; one made outside every scope, until the backend is disposed.
 *
 * 256-bit code comes from an experimental flag, so it runs only after every kernel has been held to the reference. If
 * it was not asked for and fails, 128-bit code runs instead, and `mode` says why.
 * @throws if what the options ask for is not here, or fails its check
 */
export async function createWasmBackend(platform: Platform, options: WasmOptions = {}): Promise<Backend> {
  const backend = startBackend(new Engine(platform, options), options)
  if (!backend.paired) return backend
  try {
    await selfCheck(backend)
    return backend
  } catch (error) {
    await backend.dispose()
    if (options.paired) throw error
    const reason = error instanceof Error ? error.message : String(error)
    const engine = new Engine(platform, { ...options, paired: false })
    return startBackend(engine, options, `; 256-bit refused: ${reason}`)
  }
}

function startBackend(engine: Engine, { sparseEncoder = 'screened' }: WasmOptions, note = ''): WasmBackend {
  const screen = sparseEncoder === 'screened' ? new Screen(engine) : undefined
  return new WasmBackend(engine, new Set(), screen, engine.mode + note)
}

class WasmBackend implements Backend {
  readonly name = 'wasm'
  readonly mode: string
  private readonly engine: Engine
  /** What is freed when the scope ends. */
  private readonly made: Set<Block>
  /** Finds sparseEncode's entries, unless they are asked for densely. */
  private readonly screen: Screen | undefined

  constructor(engine: Engine, made: Set<Block>, screen: Screen | undefined, mode: string) {
    this.engine = engine
    this.made = made
    this.screen = screen
    this.mode = mode
  }

  get screening(): ScreenCounts | undefined {
    return this.screen?.counts
  }

  get paired(): boolean {
    return this.engine.paired
  }

  upload(tensor: Tensor): WasmTensor {
    const x = this.make('upload', tensor.shape)
    this.numbers(x).set(tensor.data)
    return x
  }

  async download(x: DeviceTensor): Promise<Tensor> {
    return new Tensor(x.shape, this.numbers(wasmTensor('download', x)).slice())
  }

  reshape(x: DeviceTensor, shape: Shape): WasmTensor {
    check.checkReshape(x, shape)
    return new WasmTensor(shape, wasmTensor('reshape', x).block)
  }

  async scope<T extends DeviceTensor | readonly DeviceTensor[] | void>(
    work: (ops: Backend) => Promise<T>,
  ): Promise<T> {
    const made = new Set<Block>()
    const kept = new Set<Block>()
    try {
      const result = await work(new WasmBackend(this.engine, made, this.screen, this.mode))
      const tensors = (Array.isArray(result) ? result : result ? [result] : []) as DeviceTensor[]
      for (const tensor of tensors) kept.add(wasmTensor('scope', tensor).block)
      return result
    } finally {
      for (const block of made)
        if (kept.has(block)) this.made.add(block)
        else block.free()
    }
  }

  async prepareLinear(
    weight: WeightSource,
    bias?: WeightSource,
    layout?: { transposed: boolean },
  ): Promise<PackedLinear> {
    return prepareLinear(this.engine, weight, bias, layout)
  }

  async prepareTable(weight: WeightSource): Promise<WasmTable> {
    const [rows, width] = matrixShape('prepareTable', weight.shape)
    return { rows, width, block: await this.load(weight) }
  }

  async prepareNorm(weight: WeightSource, bias: WeightSource): Promise<WasmNorm> {
    check.checkPrepareNorm(weight.shape, bias.shape)
    return {
      weight: new WasmTensor(weight.shape, await this.load(weight)),
      bias: new WasmTensor(bias.shape, await this.load(bias)),
    }
  }

  createCache(capacity: number, width: number): WasmCache {
    const block = new Block(this.engine.arena, capacity * width * 4, `a cache [${capacity}, ${width}]`)
    return { capacity, width, length: 0, block }
  }

  release(resource: Linear | Table | Norm | RowCache): void {
    const owned = resource as PackedLinear | WasmTable | WasmNorm | WasmCache
    if ('block' in owned) owned.block.free()
    else if ('weights' in owned) {
      for (const block of [owned.weights, owned.bias]) block.free()
      this.screen?.release(owned)
    } else for (const { block } of [owned.weight, owned.bias]) block.free()
  }

  async embed(table: Table | Linear, ids: readonly number[]): Promise<WasmTensor> {
    const source = table as WasmTable | PackedLinear
    check.checkIds('embed', ids, 'rows' in source ? source.rows : source.out)
    const width = 'rows' in source ? source.width : source.in
    const out = this.make('embed', [ids.length, width])
    const numbers = this.numbers(out)
    const rows =
      'rows' in source
        ? this.engine.arena.floats(live('embed', source.block), source.rows * width)
        : undefined
    for (const [t, id] of ids.entries()) {
      const row = numbers.subarray(t * width, (t + 1) * width)
      if (rows) row.set(rows.subarray(id * width, (id + 1) * width))
      else readColumn(this.engine, source as PackedLinear, id, row)
    }
    return out
  }

  async layerNorm(x: DeviceTensor, norm: Norm, eps: number): Promise<WasmTensor> {
    const [rows, width] = check.checkLayerNorm(x, norm)
    const [from, weight, bias] = [x, norm.weight, norm.bias].map(
      (tensor) => wasmTensor('layerNorm', tensor).address,
    )
    const out = this.make('layerNorm', x.shape)
    const rowsPerChunk = this.engine.share(rows, LEAST_NUMBERS / width)
    await this.engine.run(
      'layerNorm',
      [from, out.address, weight, bias, rows, width, eps, rowsPerChunk],
      chunksOf(rows, rowsPerChunk),
    )
    return out
  }

  async linear(
    x: DeviceTensor,
    layer: Linear,
    { activation = 'none', residual }: { activation?: Activation; residual?: DeviceTensor } = {},
  ): Promise<WasmTensor> {
    const rows = check.checkLinear(x, layer, residual)
    const packed = layer as PackedLinear
    live('linear', packed.weights)
    const from = wasmTensor('linear', x).address
    const residualAt = residual ? wasmTensor('linear', residual).address : 0
    const out = this.make('linear', [rows, layer.out])
    await runLinear(this.engine, packed, {
      x: from,
      rows,
      residual: residualAt,
      out: out.address,
      activation,
    })
    return out
  }

  async attention(
    q: DeviceTensor,
    k: DeviceTensor,
    v: DeviceTensor,
    heads: number,
    texts: readonly TextSpan[],
  ): Promise<WasmTensor> {
    const size = check.checkAttention(q, k, v, heads, texts)
    const [qAt, kAt, vAt] = [q, k, v].map((x) => wasmTensor('attention', x).address)
    const out = this.make('attention', q.shape)
    await runAttention(this.engine, size, texts, { q: qAt, k: kAt, v: vAt, pattern: 0, out: out.address })
    return out
  }

  async attentionPattern(
    q: DeviceTensor,
    k: DeviceTensor,
    heads: number,
    texts: readonly TextSpan[],
  ): Promise<WasmTensor> {
    const size = check.checkPattern('attentionPattern', q, k, heads, texts)
    const [qAt, kAt] = [q, k].map((x) => wasmTensor('attentionPattern', x).address)
    const pattern = this.make('attentionPattern', [heads, size.queries, size.longest])
    await runAttention(this.engine, size, texts, { q: qAt, k: kAt, v: 0, pattern: pattern.address, out: 0 })
    return pattern
  }

  async attentionMix(
    pattern: DeviceTensor,
    v: DeviceTensor,
    heads: number,
    texts: readonly TextSpan[],
  ): Promise<WasmTensor> {
    const size = check.checkMix(pattern, v, heads, texts)
    const [patternAt, vAt] = [pattern, v].map((x) => wasmTensor('attentionMix', x).address)
    const out = this.make('attentionMix', [size.queries, size.width])
    await runAttention(this.engine, size, texts, { q: 0, k: 0, v: vAt, pattern: patternAt, out: out.address })
    return out
  }

  async append(cache: RowCache, rows: DeviceTensor): Promise<WasmTensor> {
    const count = check.checkAppend(cache, rows)
    const held = cache as WasmCache
    const from = this.numbers(wasmTensor('append', rows))
    const { arena } = this.engine
    arena.floats(live('append', held.block) + held.length * held.width * 4, from.length).set(from)
    held.length += count
    return new WasmTensor([held.length, held.width], held.block)
  }

  async add(a: DeviceTensor, b: DeviceTensor): Promise<WasmTensor> {
    return this.elementwise('add', a, b)
  }

  async subtract(a: DeviceTensor, b: DeviceTensor): Promise<WasmTensor> {
    return this.elementwise('subtract', a, b)
  }

  async gelu(x: DeviceTensor): Promise<WasmTensor> {
    const from = wasmTensor('gelu', x)
    const out = this.make('gelu', x.shape)
    const perChunk = this.engine.share(from.size, LEAST_NUMBERS)
    await this.engine.run(
      'gelu',
      [from.address, out.address, from.size, perChunk],
      chunksOf(from.size, perChunk),
    )
    return out
  }

  async center(x: DeviceTensor): Promise<WasmTensor> {
    return this.byRow('center', x)
  }

  async softmax(x: DeviceTensor): Promise<WasmTensor> {
    return this.byRow('softmax', x)
  }

  async takeRows(x: DeviceTensor, indices: readonly number[]): Promise<WasmTensor> {
    const [rows, width] = matrixShape('takeRows', x.shape)
    check.checkIds('takeRows', indices, rows)
    const source = wasmTensor('takeRows', x)
    const out = this.make('takeRows', [indices.length, width])
    const [from, to] = [this.numbers(source), this.numbers(out)]
    for (const [t, index] of indices.entries())
      to.set(from.subarray(index * width, (index + 1) * width), t * width)
    return out
  }

  async meanRows(x: DeviceTensor, lengths: readonly number[]): Promise<WasmTensor> {
    const [, width] = check.checkMeanRows(x, lengths)
    let from = wasmTensor('meanRows', x).address
    const out = this.make('meanRows', [lengths.length, width])
    for (const [text, length] of lengths.entries()) {
      await this.engine.run('meanRows', [from, out.address + text * width * 4, length, width], 1)
      from += length * width * 4
    }
    return out
  }

  async topK(x: DeviceTensor, k: number): Promise<{ values: Float32Array; indices: Uint32Array }[]> {
    const [rows, width] = check.checkTopK(x, k)
    const numbers = this.numbers(wasmTensor('topK', x))
    return Array.from({ length: rows }, (_, r) => topKOfRow(numbers.subarray(r * width, (r + 1) * width), k))
  }

  async sparseEncode(x: DeviceTensor, layer: Linear): Promise<SparseRows> {
    const rows = check.checkLinear(x, layer, undefined, 'sparseEncode')
    const packed = layer as PackedLinear
    live('sparseEncode', packed.weights)
    const from = wasmTensor('sparseEncode', x).address
    return this.screen
      ? this.screen.encode(packed, from, rows)
      : encodeDensely(this.engine, packed, from, rows)
  }

  async sparseDecode(x: SparseRows, table: Table, bias: DeviceTensor): Promise<WasmTensor> {
    check.checkSparseDecode(x, table, bias)
    const { width, block } = table as WasmTable
    const [tableAt, biasAt] = [live('sparseDecode', block), wasmTensor('sparseDecode', bias).address]
    const out = this.make('sparseDecode', [x.shape[0], width])
    await runSparseDecode(this.engine, x, { table: tableAt, width, bias: biasAt, out: out.address })
    return out
  }

  async dispose(): Promise<void> {
    this.engine.dispose()
  }

  private async byRow(op: 'softmax' | 'center', x: DeviceTensor): Promise<WasmTensor> {
    const [rows, width] = matrixShape(op, x.shape)
    const from = wasmTensor(op, x).address
    const out = this.make(op, x.shape)
    const rowsPerChunk = this.engine.share(rows, LEAST_NUMBERS / width)
    await this.engine.run(op, [from, out.address, rows, width, rowsPerChunk], chunksOf(rows, rowsPerChunk))
    return out
  }

  private async elementwise(op: 'add' | 'subtract', a: DeviceTensor, b: DeviceTensor): Promise<WasmTensor> {
    const { broadcast } = check.checkElementwise(op, a, b)
    const [left, right] = [wasmTensor(op, a), wasmTensor(op, b)]
    const width = left.shape.at(-1) ?? 1
    const rows = width === 0 ? 0 : left.size / width
    const out = this.make(op, a.shape)
    const rowsPerChunk = this.engine.share(rows, LEAST_NUMBERS / width)
    await this.engine.run(
      op,
      [left.address, right.address, out.address, rows, width, broadcast ? 0 : width * 4, rowsPerChunk],
      chunksOf(rows, rowsPerChunk),
    )
    return out
  }

  /** A new tensor, not zeroed, freed with this scope. */
  private make(op: string, shape: Shape): WasmTensor {
    const block = new Block(this.engine.arena, sizeOf(shape) * 4, `${op}: a tensor [${shape.join(', ')}]`)
    this.made.add(block)
    return new WasmTensor(shape, block)
  }

  private numbers(x: WasmTensor): Float32Array {
    return this.engine.arena.floats(x.address, x.size)
  }

  /** Reads a whole weight into a block of its own, which no scope frees. */
  private async load(weight: WeightSource): Promise<Block> {
    const { arena } = this.engine
    const block = new Block(arena, sizeOf(weight.shape) * 4, weight.name)
    const width = weight.shape.at(-1) ?? 1
    await forEachRowBlock(weight, READ_AT_ONCE, (rows, firstRow) =>
      arena.floats(block.address + firstRow * width * 4, rows.length).set(rows),
    )
    return block
  }
}

function chunksOf(total: number, perChunk: number): number {
  return perChunk === 0 ? 0 : Math.ceil(total / perChunk)
}

/** The address of prepared weights. @throws if they were released */
function live(op: string, block: Block): number {
  if (block.isFreed) throw new Error(`${op}: these weights, or this cache, were released`)
  return block.address
}
