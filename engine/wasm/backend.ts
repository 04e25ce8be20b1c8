// The ops as WebAssembly SIMD kernels on threads.
import type { Backend, DeviceTensor } from '../backend.ts'
import type { Differentiable } from '../backward.ts'
import * as check from '../checks.ts'
import { freedOnFailure, runScope } from '../scope.ts'
import { scaleEntries } from '../sparse.ts'
import { matrixShape, sizeOf, Tensor, type Shape } from '../tensor.ts'
import { runAttention } from './attention.ts'
import { wasmBackward } from './backward.ts'
import { runCrossEntropy } from './cross-entropy.ts'
import { embed } from './embed.ts'
import { Engine, type EngineOptions } from './engine.ts'
import { runKlDivergence } from './kl-divergence.ts'
import { runLinear } from './linear.ts'
import { loadBlock } from './loading.ts'
import { kernelModules } from './module.ts'
import { prepareLinear, type PackedLinear } from './panels.ts'
import type { Platform } from './platform/platform.ts'
import {
  live,
  prepareEncoder,
  type PackedEncoder,
  type WasmCache,
  type WasmNorm,
  type WasmTable,
} from './prepared.ts'
import { selfCheck } from './self-check.ts'
import { Screen } from './screen/screen.ts'
import { runPreActivations } from './pre-activations.ts'
import { runSparseDecode } from './sparse-decode.ts'
import { encodeDensely } from './sparse-encode.ts'
import { Block, freeBlock, WasmTensor, wasmTensor } from './tensors.ts'
import { topKOfRows } from './top-k.ts'

/** Numbers of an elementwise op below which a chunk of it is not worth waking another thread. */
const LEAST_NUMBERS = 1 << 14

/** What may be chosen beside the engine's own options. */
export interface WasmOptions extends EngineOptions {
  /** How sparseEncode finds what is positive; both give the same bits. Default: screened where that is faster. */
  readonly sparseEncoder?: 'dense' | 'screened'
}

/**
 * The ops as WebAssembly SIMD kernels over one memory and a pool of threads. A tensor lives until the scope it was made
 * in ends; one made outside every scope, until the backend is disposed.
 *
 * 256-bit code comes from an experimental flag, so it runs only after every kernel has been checked against the reference. If
 * it was not asked for and fails, 128-bit code runs instead, and `mode` says why.
 * @throws if what the options ask for is not here, or fails its check
 */
export async function createWasmBackend(platform: Platform, options: WasmOptions = {}): Promise<Backend> {
  const first = new Engine(platform, kernelModules, options)
  const backend = startBackend(first, options)
  if (!first.paired) return backend
  try {
    await selfCheck(startBackend(first, { sparseEncoder: 'screened' }))
    return backend
  } catch (error) {
    await backend.dispose()
    if (options.paired) throw error
    const reason = error instanceof Error ? error.message : String(error)
    const engine = new Engine(platform, kernelModules, { ...options, paired: false })
    return startBackend(engine, options, `; 256-bit refused: ${reason}`)
  }
}

function startBackend(engine: Engine, { sparseEncoder }: WasmOptions, note = ''): Backend {
  const screen =
    sparseEncoder === 'dense' ? undefined : new Screen(engine, { always: sparseEncoder === 'screened' })
  return scopedBackend(engine, new Set(), screen, engine.mode + note)
}

/** The ops of one scope: `made` is what is freed when it ends. Without `screen`, sparseEncode computes densely. */
function scopedBackend(
  engine: Engine,
  made: Set<Block>,
  screen: Screen | undefined,
  mode: string,
): Differentiable {
  async function byRow(op: 'softmax' | 'center', x: DeviceTensor): Promise<WasmTensor> {
    const [rows, width] = matrixShape(op, x.shape)
    const from = addressOf(op, x)
    const out = make(op, x.shape)
    await engine.runRanged(op, { x: from, out: out.address, width }, rows, LEAST_NUMBERS / width)
    return out
  }

  async function elementwise(op: 'add' | 'subtract', a: DeviceTensor, b: DeviceTensor): Promise<WasmTensor> {
    const { broadcast } = check.checkElementwise(op, a, b)
    const width = a.shape.at(-1) ?? 1
    const rows = width === 0 ? 0 : sizeOf(a.shape) / width
    const [left, right, bStride] = [addressOf(op, a), addressOf(op, b), broadcast ? 0 : width * 4]
    const out = make(op, a.shape)
    const args = { a: left, b: right, out: out.address, width, bStride }
    await engine.runRanged(op, args, rows, LEAST_NUMBERS / width)
    return out
  }

  async function bent(op: 'gelu' | 'geluErf' | 'relu', x: DeviceTensor): Promise<WasmTensor> {
    const from = wasmTensor(op, x, engine.arena)
    const out = make(op, x.shape)
    await engine.runRanged(op, { x: from.address, out: out.address }, from.size, LEAST_NUMBERS)
    return out
  }

  /** A new tensor, not zeroed, freed with this scope. */
  function make(op: string, shape: Shape): WasmTensor {
    const block = new Block(engine.arena, sizeOf(shape) * 4, `${op}: a tensor [${shape.join(', ')}]`)
    made.add(block)
    return new WasmTensor(shape, block)
  }

  function addressOf(op: string, x: DeviceTensor): number {
    return wasmTensor(op, x, engine.arena).address
  }

  function floatsOf(x: WasmTensor): Float32Array {
    return engine.arena.floats(x.address, x.size)
  }

  return {
    name: 'wasm',
    mode,
    backward: wasmBackward(engine, make, (layer) => screen?.release(layer)),
    get screening() {
      return screen?.counts
    },

    upload(tensor) {
      const x = make('upload', tensor.shape)
      floatsOf(x).set(tensor.data)
      return x
    },

    download: async (x) => new Tensor(x.shape, floatsOf(wasmTensor('download', x, engine.arena)).slice()),

    reshape(x, shape) {
      check.checkReshape(x, shape)
      return new WasmTensor(shape, wasmTensor('reshape', x, engine.arena).block)
    },

    scope(work) {
      const inScope = (inside: Set<Block>) => work(scopedBackend(engine, inside, screen, mode))
      return runScope(made, (x) => wasmTensor('scope', x, engine.arena).block, inScope)
    },

    prepareLinear: (weight, bias, layout) => prepareLinear(engine, weight, bias, layout),

    prepareEncoder: (weight, bias, selection) => prepareEncoder(engine, weight, bias, selection),

    async prepareTable(weight): Promise<WasmTable> {
      const [rows, width] = matrixShape('prepareTable', weight.shape)
      return { rows, width, block: await loadBlock(engine, weight) }
    },

    async prepareNorm(weight, bias): Promise<WasmNorm> {
      check.checkPrepareNorm(weight.shape, bias.shape)
      return freedOnFailure(freeBlock, async (keep) => ({
        weight: new WasmTensor(weight.shape, keep(await loadBlock(engine, weight))),
        bias: new WasmTensor(bias.shape, await loadBlock(engine, bias)),
      }))
    },

    createCache(capacity, width): WasmCache {
      const block = new Block(engine.arena, capacity * width * 4, `a cache [${capacity}, ${width}]`)
      return { capacity, width, length: 0, block }
    },

    release(resource) {
      const owned = resource as PackedLinear | PackedEncoder | WasmTable | WasmNorm | WasmCache
      if ('layer' in owned) {
        const { weights, bias, floors } = owned.layer
        for (const block of [weights, bias, floors]) block.free()
        screen?.release(owned.layer)
      } else if ('block' in owned) {
        owned.block.free()
        made.delete(owned.block)
      } else if ('weights' in owned) {
        for (const block of [owned.weights, owned.bias]) block.free()
      } else for (const { block } of [owned.weight, owned.bias]) block.free()
    },

    async embed(table, ids) {
      const source = table as WasmTable | PackedLinear
      check.checkIds('embed', ids, 'rows' in source ? source.rows : source.out)
      const out = make('embed', [ids.length, 'rows' in source ? source.width : source.in])
      embed(engine, source, ids, floatsOf(out))
      return out
    },

    async layerNorm(x, norm, eps) {
      const [rows, width] = check.checkLayerNorm(x, norm)
      const [from, weight, bias] = [x, norm.weight, norm.bias].map((row) => addressOf('layerNorm', row))
      const out = make('layerNorm', x.shape)
      const args = { x: from, out: out.address, weight, bias, width, eps }
      await engine.runRanged('layerNorm', args, rows, LEAST_NUMBERS / width)
      return out
    },

    async linear(x, layer, { activation = 'none', residual } = {}) {
      const rows = check.checkLinear(x, layer, residual)
      const packed = layer as PackedLinear
      live('linear', packed.weights, engine.arena)
      const inputs = { x: addressOf('linear', x), residual: residual ? addressOf('linear', residual) : 0 }
      const out = make('linear', [rows, layer.out])
      await runLinear(engine, packed, { ...inputs, rows, out: out.address, activation })
      return out
    },

    async attention(q, k, v, heads, texts, scale) {
      const size = check.checkAttention(q, k, v, heads, texts)
      const [qAt, kAt, vAt] = [q, k, v].map((x) => addressOf('attention', x))
      const out = make('attention', q.shape)
      await runAttention(engine, size, texts, { q: qAt, k: kAt, v: vAt, pattern: 0, out: out.address }, scale)
      return out
    },

    async attentionPattern(q, k, heads, texts, scale) {
      const size = check.checkPattern('attentionPattern', q, k, heads, texts)
      const [qAt, kAt] = [q, k].map((x) => addressOf('attentionPattern', x))
      const pattern = make('attentionPattern', [heads, size.queries, size.longest])
      await runAttention(
        engine,
        size,
        texts,
        { q: qAt, k: kAt, v: 0, pattern: pattern.address, out: 0 },
        scale,
      )
      return pattern
    },

    async attentionMix(pattern, v, heads, texts) {
      const size = check.checkMix(pattern, v, heads, texts)
      const [patternAt, vAt] = [pattern, v].map((x) => addressOf('attentionMix', x))
      const out = make('attentionMix', [size.queries, size.width])
      await runAttention(engine, size, texts, { q: 0, k: 0, v: vAt, pattern: patternAt, out: out.address })
      return out
    },

    async append(cache, rows) {
      const count = check.checkAppend(cache, rows)
      const held = cache as WasmCache
      const from = floatsOf(wasmTensor('append', rows, engine.arena))
      const { arena } = engine
      arena
        .floats(live('append', held.block, engine.arena) + held.length * held.width * 4, from.length)
        .set(from)
      held.length += count
      return new WasmTensor([held.length, held.width], held.block)
    },

    add: (a, b) => elementwise('add', a, b),

    subtract: (a, b) => elementwise('subtract', a, b),

    gelu: (x) => bent('gelu', x),

    geluErf: (x) => bent('geluErf', x),

    relu: (x) => bent('relu', x),

    center: (x) => byRow('center', x),

    softmax: (x) => byRow('softmax', x),

    async crossEntropy(x, targets) {
      const [rows, width] = check.checkCrossEntropy(x, targets)
      const place = { x: addressOf('crossEntropy', x), rows, width, least: LEAST_NUMBERS / width }
      const out = make('crossEntropy', [rows])
      await runCrossEntropy(engine, place, targets, out)
      return out
    },

    async klDivergence(a, b) {
      const [rows, width] = check.checkKlDivergence(a, b)
      const [aAt, bAt] = [a, b].map((x) => addressOf('klDivergence', x))
      const out = make('klDivergence', [rows])
      await runKlDivergence(engine, { a: aAt, b: bAt, rows, width, least: LEAST_NUMBERS / width }, out)
      return out
    },

    async takeRows(x, indices) {
      const [rows, width] = matrixShape('takeRows', x.shape)
      check.checkIds('takeRows', indices, rows)
      const source = wasmTensor('takeRows', x, engine.arena)
      const out = make('takeRows', [indices.length, width])
      const [from, to] = [floatsOf(source), floatsOf(out)]
      for (const [t, index] of indices.entries())
        to.set(from.subarray(index * width, (index + 1) * width), t * width)
      return out
    },

    async meanRows(x, lengths) {
      const [, width] = check.checkMeanRows(x, lengths)
      let from = addressOf('meanRows', x)
      const out = make('meanRows', [lengths.length, width])
      for (const [text, length] of lengths.entries()) {
        await engine.run('meanRows', { x: from, out: out.address + text * width * 4, rows: length, width }, 1)
        from += length * width * 4
      }
      return out
    },

    async topK(x, k) {
      const [rows, width] = check.checkTopK(x, k)
      const from = addressOf('topK', x)
      return topKOfRows(engine, { x: from, rows, width, least: LEAST_NUMBERS / width }, k)
    },

    async sparseEncode(x, encoder) {
      const rows = check.checkLinear(x, encoder, undefined, 'sparseEncode')
      const { layer } = encoder as PackedEncoder
      live('sparseEncode', layer?.weights, engine.arena)
      const from = addressOf('sparseEncode', x)
      return screen ? screen.encode(layer, from, rows) : encodeDensely(engine, layer, from, rows)
    },

    async preActivations(x, encoder) {
      const rows = check.checkLinear(x, encoder, undefined, 'preActivations')
      const { layer } = encoder as PackedEncoder
      live('preActivations', layer?.weights, engine.arena)
      const from = addressOf('preActivations', x)
      const out = make('preActivations', [rows, encoder.out])
      await runPreActivations(engine, layer, { x: from, rows, out: out.address })
      return out
    },

    scaleEntries: async (x, factor) => scaleEntries(x, factor),

    async sparseDecode(x, table, bias) {
      check.checkSparseDecode(x, table, bias)
      const { width, block } = table as WasmTable
      const args = {
        table: live('sparseDecode', block, engine.arena),
        width,
        bias: addressOf('sparseDecode', bias),
      }
      const out = make('sparseDecode', [x.shape[0], width])
      await runSparseDecode(engine, x, { ...args, out: out.address })
      return out
    },

    dispose: async () => engine.dispose(),
  }
}
