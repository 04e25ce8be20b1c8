// Weights and caches as the gpu.js backend keeps them.
import { checkPrepareEncoder, checkPrepareLinear } from '../checks.ts'
import type { Encoder, Linear, Norm, RowCache, Table } from '../backend.ts'
import type { Selection } from '../selection.ts'
import { freedOnFailure } from '../scope.ts'
import { Tensor, matrixShape, showShape } from '../tensor.ts'
import { forEachRowBlock, readTensor, type WeightSource } from '../weights/weights.ts'
import type { Device } from './device.ts'
import { freeTensor, type GpuTensor } from './tensor.ts'

/**
 * Rows `first` and on of a weight matrix. A matrix that is larger than the GPU binds at once is cut into parts; each
 * part computes its share of a sum, and the shares are added.
 */
export interface Part {
  readonly first: number
  readonly rows: number
  readonly weight: GpuTensor // [rows, width]
}

/** y = x W + b, W [in, out] cut along `in`: each part serves some of x's columns. */
export interface GpuLinear extends Linear {
  readonly parts: readonly Part[]
  readonly bias: GpuTensor // [out]
}

export interface GpuEncoder extends Encoder {
  readonly layer: GpuLinear
  readonly threshold?: GpuTensor // [out], where what is above it is kept
  readonly k?: number // where the k largest are kept
}

export interface GpuTable extends Table {
  readonly parts: readonly Part[]
}

export interface GpuNorm extends Norm {
  readonly weight: GpuTensor // [width]
  readonly bias: GpuTensor // [width]
}

export interface GpuCache extends RowCache {
  rows: GpuTensor | undefined // [length, width]; none while empty
  length: number
}

/** A layer's weights on the device, always as [in, out]: neighbouring threads then read neighbouring numbers. */
export async function prepareLinear(
  device: Device,
  weight: WeightSource,
  bias: WeightSource | undefined,
  transposed: boolean,
): Promise<GpuLinear> {
  const [inputs, outputs] = checkPrepareLinear(weight.shape, bias?.shape, transposed)
  // A sum over nothing is a sum over one zero: no GPU has empty buffers.
  const matrix =
    inputs === 0
      ? Tensor.zeros([1, outputs])
      : transposed
        ? await readTurned(weight)
        : await readTensor(weight)
  return freedOnFailure(freeTensor, async (keep) => {
    const parts = await uploadParts(device, weight.name, matrix)
    for (const { weight } of parts) keep(weight)
    return {
      in: inputs,
      out: outputs,
      hasBias: bias !== undefined,
      parts,
      bias: await device.upload(bias ? await readTensor(bias) : Tensor.zeros([outputs])),
    }
  })
}

export async function prepareEncoder(
  device: Device,
  weight: WeightSource,
  bias: WeightSource,
  selection: Selection,
): Promise<GpuEncoder> {
  checkPrepareEncoder(weight.shape, bias.shape, selection)
  const { keep } = selection
  return freedOnFailure(freeTensor, async (hold) => {
    const threshold =
      keep === 'above' ? hold(await device.upload(await readTensor(selection.threshold))) : undefined
    const layer = await prepareLinear(device, weight, bias, false)
    const k = keep === 'largest' ? selection.k : undefined
    return { in: layer.in, out: layer.out, keep, layer, threshold, k }
  })
}

export async function prepareTable(device: Device, weight: WeightSource): Promise<GpuTable> {
  const [rows, width] = matrixShape('prepareTable', weight.shape)
  const table = rows === 0 ? Tensor.zeros([1, width]) : await readTensor(weight)
  return { rows, width, parts: await uploadParts(device, weight.name, table) }
}

/** A stored [out, in] matrix as [in, out]. */
async function readTurned(source: WeightSource): Promise<Tensor> {
  const [outputs, inputs] = source.shape
  const turned = Tensor.zeros([inputs, outputs])
  await forEachRowBlock(source, 2 ** 20, (block, first, count) => {
    for (let i = 0; i < inputs; i++)
      for (let j = 0; j < count; j++) turned.data[i * outputs + first + j] = block[j * inputs + i]
  })
  return turned
}

/** The fewest parts that fit, as even as possible, cut at multiples of 256 rows where that is finer than a part. */
async function uploadParts(device: Device, name: string, matrix: Tensor): Promise<Part[]> {
  const [rows, width] = matrix.shape
  const fitting = Math.floor(device.maxBytes / (width * 4))
  if (fitting < 1)
    throw new Error(
      `${name}: one row of ${showShape(matrix.shape)} takes ${width * 4} bytes, more than the ${device.maxBytes} that this GPU binds at once`,
    )
  const even = Math.ceil(rows / Math.ceil(rows / fitting))
  const wholeBlocks = Math.ceil(even / 256) * 256
  const atOnce = wholeBlocks <= fitting ? wholeBlocks : even
  return freedOnFailure(freeTensor, async (keep) => {
    const parts: Part[] = []
    for (let first = 0; first < rows; first += atOnce) {
      const part = matrix.rows(first, Math.min(first + atOnce, rows))
      parts.push({ first, rows: part.shape[0], weight: keep(await device.upload(part)) })
    }
    return parts
  })
}
