// The wasm backend's backward rules.
import type { Backward, WeightGradient } from '../backward.ts'
import type { DeviceTensor, Encoder, Linear } from '../backend.ts'
import * as check from '../checks.ts'
import { matrixShape, sizeOf, Tensor, type Shape } from '../tensor.ts'
import { runAdamW, runSquares } from './adam.ts'
import { runAttentionMixBackward, runAttentionPatternBackward } from './attention-backward.ts'
import type { EncoderWeights } from './encoder-weights.ts'
import type { Engine } from './engine.ts'
import {
  runEncoderBackward,
  runLinearBackward,
  runLinearWeightsBackward,
  runSumRows,
} from './linear-backward.ts'
import { readLinear, type PackedLinear } from './panels.ts'
import { live, type PackedEncoder, type WasmTable } from './prepared.ts'
import { runRowLengths, runScaleRows } from './row-lengths.ts'
import { addTransposed, forEachActive, runSparseDot } from './sparse-decode-backward.ts'
import { encodeBackward, readEncoder } from './sparse-encode-backward.ts'
import { klDivergenceBackward } from './kl-divergence-backward.ts'
import { Block, wasmTensor, type WasmTensor } from './tensors.ts'

const isEncoder = (weights: object): weights is Encoder => 'keep' in weights

/** Numbers of an elementwise rule below which a chunk of it is not worth waking another thread. */
const LEAST_NUMBERS = 1 << 14

/**
 * The rules of one scope: `make` returns a new tensor of it, not zeroed; `changed` is told of encoders whose weights have moved, so
 * that what was made from them is made again.
 */
export function wasmBackward(
  engine: Engine,
  make: (op: string, shape: Shape) => WasmTensor,
  changed: (encoder: EncoderWeights) => void,
): Backward {
  const addressOf = (op: string, x: DeviceTensor) => wasmTensor(op, x, engine.arena).address
  const floatsOf = (op: string, x: DeviceTensor) => engine.arena.floats(addressOf(op, x), sizeOf(x.shape))
  const zeros = (shape: Shape) => {
    const x = make('zeros', shape)
    floatsOf('zeros', x).fill(0)
    return x
  }
  const linearOf = (op: string, layer: Linear): PackedLinear => {
    const packed = layer as PackedLinear
    live(op, packed.weights, engine.arena)
    return packed
  }
  const encoderOf = (op: string, encoder: Encoder): EncoderWeights => {
    const { layer } = encoder as PackedEncoder
    live(op, layer.weights, engine.arena)
    return layer
  }
  const addToWeights = (op: string, dY: DeviceTensor, x: DeviceTensor, { weight, bias }: WeightGradient) => {
    const [[rows, inputs], [, outputs]] = [matrixShape(op, x.shape), matrixShape(op, dY.shape)]
    const [xAt, dYAt, dW, db] = [x, dY, weight, bias].map((tensor) => (tensor ? addressOf(op, tensor) : 0))
    return runLinearWeightsBackward(engine, { rows, inputs, outputs, x: xAt, dY: dYAt, dW, db })
  }

  return {
    zeros,

    async embed(dY, table, ids, { weight }) {
      const [from, to] = [floatsOf('embed', dY), floatsOf('embed', weight)]
      const [width, stride, step] =
        'width' in table ? [table.width, table.width, 1] : [table.in, 1, table.out]
      for (const [t, id] of ids.entries())
        for (let i = 0; i < width; i++) to[id * stride + i * step] += from[t * width + i]
    },

    linearWeights: (dY, x, gradient) => addToWeights('linear', dY, x, gradient),

    async sparseDecodeWeights(dY, x, { weight }) {
      const [dense, out] = [dY, weight].map((tensor) => addressOf('sparseDecode', tensor))
      await addTransposed(engine, x, { dense, width: weight.shape[1], out })
    },

    async sparseEncodeWeights(dF, f, x, { weight, bias }) {
      const [inputs, outputs] = weight.shape
      const dense = addressOf('sparseEncode', x)
      await forEachActive(engine, { ...f, values: dF }, { dense, width: inputs }, (feature, sum) => {
        const dW = floatsOf('sparseEncode', weight)
        for (let i = 0; i < inputs; i++) dW[i * outputs + feature] += sum[i]
      })
      if (!bias) return
      const db = floatsOf('sparseEncode', bias)
      for (let entry = 0; entry < dF.length; entry++) db[f.indices[entry]] += dF[entry]
    },

    squares: (x) => runSquares(engine, { x: addressOf('squares', x), count: sizeOf(x.shape) }),

    async adamW(parameters, gradient, { mean, square }, step) {
      const at = (part: 'weight' | 'bias', w: number) => {
        const [g, m, v] = [gradient, mean, square].map((of) => addressOf('adamW', of[part]!))
        return { w, g, m, v }
      }
      if ('in' in parameters) {
        const { in: inputs, out: outputs, weights, bias } = linearOf('adamW', parameters)
        await runAdamW(engine, { ...at('weight', weights.address), inputs, outputs }, step)
        if (!parameters.hasBias) return
        return runAdamW(engine, { ...at('bias', bias.address), count: outputs }, step)
      }
      const places: [part: 'weight' | 'bias', w: number, shape: Shape][] =
        'shape' in parameters
          ? [['weight', addressOf('adamW', parameters), parameters.shape]]
          : 'rows' in parameters
            ? [
                [
                  'weight',
                  live('adamW', (parameters as WasmTable).block, engine.arena),
                  gradient.weight.shape,
                ],
              ]
            : (['weight', 'bias'] as const).map((part) => [
                part,
                addressOf('adamW', parameters[part]),
                parameters[part].shape,
              ])
      for (const [part, w, shape] of places)
        await runAdamW(engine, { ...at(part, w), count: sizeOf(shape) }, step)
    },

    write: (x, numbers) => floatsOf('write', x).set(numbers),

    async writeEncoder(encoder, weight, bias, scale) {
      const layer = encoderOf('writeEncoder', encoder)
      const scales = scale ?? new Float64Array(layer.out).fill(1)
      const x = live('writeEncoder', (weight as WasmTable).block, engine.arena)
      const place = { x, out: layer.weights.address, width: layer.in, outStride: layer.padded * 4 }
      await runScaleRows(engine, 'scaleRows', place, scales)
      const [from, to] = [floatsOf('writeEncoder', bias), engine.arena.floats(layer.bias.address, layer.out)]
      for (let j = 0; j < layer.out; j++) to[j] = from[j] * scales[j]
      changed(layer)
    },

    async rowLengths(table) {
      const x = live('rowLengths', (table as WasmTable).block, engine.arena)
      return runRowLengths(engine, { x, rows: table.rows, width: table.width })
    },

    async rowLengthsWeights(dY, table, { weight }) {
      const lengths = await this.rowLengths(table)
      const x = live('rowLengths', (table as WasmTable).block, engine.arena)
      const place = {
        x,
        out: addressOf('rowLengths', weight),
        width: table.width,
        outStride: table.width * 4,
      }
      const scale = dY.map((slope, j) => (slope === 0 ? 0 : slope / lengths[j]))
      await runScaleRows(engine, 'addScaledRows', place, scale)
    },

    async readWeights(weights) {
      const copy = (shape: Shape, address: number) =>
        new Tensor(shape, engine.arena.floats(address, sizeOf(shape)).slice())
      if ('rows' in weights) {
        const address = live('readWeights', (weights as WasmTable).block, engine.arena)
        return { weight: copy([weights.rows, weights.width], address) }
      }
      if (isEncoder(weights)) return readEncoder(engine, encoderOf('readWeights', weights))
      if ('in' in weights) return readLinear(engine, linearOf('readWeights', weights))
      const { weight, bias } = weights
      return {
        weight: copy(weight.shape, addressOf('readWeights', weight)),
        bias: copy(bias.shape, addressOf('readWeights', bias)),
      }
    },

    async layerNorm(dY, x, norm, eps, gradient) {
      const [rows, width] = check.checkLayerNorm(x, norm)
      const [dYAt, xAt, weight] = [dY, x, norm.weight].map((tensor) => addressOf('layerNorm', tensor))
      const [out, products] = [make('layerNorm', x.shape), make('layerNorm', x.shape)]
      const place = { dY: dYAt, x: xAt, weight, out: out.address, products: products.address, width, eps }
      await engine.runRanged('layerNormBackward', place, rows, LEAST_NUMBERS / width)
      if (gradient)
        for (const [part, target] of [
          [products, gradient.weight],
          [dY, gradient.bias!],
        ]) {
          const sum = await this.sumRows(part)
          const [from, to] = [floatsOf('layerNorm', sum), floatsOf('layerNorm', target)]
          for (let i = 0; i < width; i++) to[i] += from[i]
        }
      return out
    },

    async linear(dY, layer) {
      const [rows] = matrixShape('linear', dY.shape)
      const out = make('linear', [rows, layer.in])
      const place = { dY: addressOf('linear', dY), rows, out: out.address }
      if (isEncoder(layer)) await runEncoderBackward(engine, encoderOf('linear', layer), place)
      else await runLinearBackward(engine, linearOf('linear', layer), place)
      return out
    },

    async relu(dY, y) {
      const out = make('relu', dY.shape)
      const place = { dY: addressOf('relu', dY), y: addressOf('relu', y), out: out.address }
      await engine.runRanged('reluBackward', place, sizeOf(dY.shape), LEAST_NUMBERS)
      return out
    },

    async gelu(dY, x) {
      const out = make('gelu', dY.shape)
      const place = { dY: addressOf('gelu', dY), x: addressOf('gelu', x), out: out.address }
      await engine.runRanged('geluBackward', place, sizeOf(dY.shape), LEAST_NUMBERS)
      return out
    },

    /** gelu(x) = x P(x), so its slope is P(x) + x density(x). Runs on one thread: few models have this activation. */
    async geluErf(dY, x) {
      const count = sizeOf(x.shape)
      const out = make('geluErf', dY.shape)
      const place = { x: addressOf('geluErf', x), out: out.address }
      await engine.runRanged('geluErf', place, count, LEAST_NUMBERS)
      const [slopes, from, by] = [floatsOf('geluErf', out), floatsOf('geluErf', x), floatsOf('geluErf', dY)]
      for (let i = 0; i < count; i++) {
        const below = from[i] === 0 ? 0.5 : slopes[i] / from[i]
        const density = Math.exp(-(from[i] ** 2) / 2) / Math.sqrt(2 * Math.PI)
        slopes[i] = by[i] * (below + from[i] * density)
      }
      return out
    },

    async softmax(dY, y) {
      const [rows, width] = matrixShape('softmax', y.shape)
      const out = make('softmax', y.shape)
      const place = { dY: addressOf('softmax', dY), y: addressOf('softmax', y), out: out.address, width }
      await engine.runRanged('softmaxBackward', { ...place, scale: 1 }, rows, LEAST_NUMBERS / width)
      return out
    },

    async crossEntropy(dY, x, targets) {
      const [rows, width] = check.checkCrossEntropy(x, targets)
      const out = make('crossEntropy', x.shape)
      using words = new Block(engine.arena, rows * 4, 'crossEntropy: targets')
      engine.arena.words(words.address, rows).set(targets)
      const place = { dY: addressOf('crossEntropy', dY), x: addressOf('crossEntropy', x), out: out.address }
      const all = { ...place, targets: words.address, width }
      await engine.runRanged('crossEntropyBackward', all, rows, LEAST_NUMBERS / width)
      return out
    },

    async klDivergence(dY, a, b) {
      const [rows, width] = check.checkKlDivergence(a, b)
      const [dA, dB] = [make('klDivergence', a.shape), make('klDivergence', b.shape)]
      const pairs = [
        [a, dA],
        [b, dB],
      ] as const
      for (const [x, out] of pairs) {
        const place = { x: addressOf('klDivergence', x), out: out.address, width }
        await engine.runRanged('softmax', place, rows, LEAST_NUMBERS / width)
      }
      const place = { dY: addressOf('klDivergence', dY), dA: dA.address, dB: dB.address, rows, width }
      klDivergenceBackward(engine, place)
      return [dA, dB]
    },

    async attentionPattern(dP, pattern, q, k, heads, texts, scale) {
      const size = check.checkPattern('attentionPattern', q, k, heads, texts)
      const [dPAt, patternAt, qAt, kAt] = [dP, pattern, q, k].map((x) => addressOf('attentionPattern', x))
      const [dQ, dK] = [make('attentionPattern', q.shape), make('attentionPattern', k.shape)]
      const given = { dP: dPAt, pattern: patternAt, q: qAt, k: kAt }
      await runAttentionPatternBackward(
        engine,
        size,
        texts,
        { ...given, dQ: dQ.address, dK: dK.address },
        scale,
      )
      return [dQ, dK]
    },

    async attentionMix(dY, pattern, v, heads, texts) {
      const size = check.checkMix(pattern, v, heads, texts)
      const [dYAt, patternAt, vAt] = [dY, pattern, v].map((x) => addressOf('attentionMix', x))
      const [dP, dV] = [make('attentionMix', pattern.shape), make('attentionMix', v.shape)]
      const given = { dY: dYAt, pattern: patternAt, v: vAt }
      await runAttentionMixBackward(engine, size, texts, { ...given, dP: dP.address, dV: dV.address })
      return [dP, dV]
    },

    async sumRows(dY) {
      const [rows, outputs] = matrixShape('sumRows', dY.shape)
      const out = make('sumRows', [outputs])
      await runSumRows(engine, { rows, outputs, dY: addressOf('sumRows', dY), out: out.address })
      return out
    },

    async takeRows(dY, indices, rows) {
      const width = dY.shape[1]
      const dX = zeros([rows, width])
      const [from, to] = [floatsOf('takeRows', dY), floatsOf('takeRows', dX)]
      for (const [t, index] of indices.entries())
        for (let i = 0; i < width; i++) to[index * width + i] += from[t * width + i]
      return dX
    },

    async meanRows(dY, lengths) {
      const width = dY.shape[1]
      const dX = make('meanRows', [lengths.reduce((sum, length) => sum + length, 0), width])
      const [from, to] = [floatsOf('meanRows', dY), floatsOf('meanRows', dX)]
      let at = 0
      for (const [text, length] of lengths.entries())
        for (let t = 0; t < length; t++)
          for (let i = 0; i < width; i++) to[at++] = from[text * width + i] / length
      return dX
    },

    sparseDecode(dY, x, table) {
      const { block, width } = table as WasmTable
      const at = {
        dY: addressOf('sparseDecode', dY),
        table: live('sparseDecode', block, engine.arena),
        width,
      }
      return runSparseDot(engine, x, at)
    },

    async sparseEncode(dF, f, encoder) {
      const dX = make('sparseEncode', [f.shape[0], encoder.in])
      await encodeBackward(engine, { ...f, values: dF }, encoderOf('sparseEncode', encoder), dX.address)
      return dX
    },
  }
}
