import type { Tensor } from '../tensor.ts'
import type { ReferenceLinear } from './prepared.ts'

/** Y = X W + b, so dX = dY W^T: each input gets a gradient from every output, times the weight between them. -> [rows, in] */
export function linearBackward(dY: Tensor, layer: ReferenceLinear): Tensor {
  const [rows] = dY.shape
  const dX = dY.like([rows, layer.in])
  for (let t = 0; t < rows; t++)
    for (let i = 0; i < layer.in; i++) {
      let sum = 0
      for (let j = 0; j < layer.out; j++) sum += dY.data[t * layer.out + j] * weightAt(layer, i, j)
      dX.data[t * layer.in + i] = sum
    }
  return dX
}

/** dW = X^T dY and db = the sum of dY's rows: the weight from i to j gets x[i] dy[j] from every row. Added to dW, db. */
export function linearWeightsBackward(dY: Tensor, x: Tensor, dW: Tensor, db?: Tensor): void {
  const [rows, inputs] = x.shape
  const outputs = dY.shape[1]
  const sums = new Float64Array(outputs)
  for (let i = 0; i < inputs; i++) {
    sums.fill(0)
    for (let t = 0; t < rows; t++) {
      const xi = x.data[t * inputs + i]
      for (let j = 0; j < outputs; j++) sums[j] += xi * dY.data[t * outputs + j]
    }
    for (let j = 0; j < outputs; j++) dW.data[i * outputs + j] += sums[j]
  }
  if (db) for (const [j, sum] of sumRows(dY).data.entries()) db.data[j] += sum
}

/** Y[t] = X[t] + b, so db = the sum over t of dY[t]. [rows, width] -> [width] */
export function sumRows(dY: Tensor): Tensor {
  const [rows, width] = dY.shape
  const db = dY.like([width])
  for (let j = 0; j < width; j++) {
    let sum = 0
    for (let t = 0; t < rows; t++) sum += dY.data[t * width + j]
    db.data[j] = sum
  }
  return db
}

/** y = relu(x), so dx = dy where y > 0, else 0: a NaN in y stops nothing. any shape -> the same */
export function reluBackward(dY: Tensor, y: Tensor): Tensor {
  const dX = dY.like(dY.shape)
  for (let i = 0; i < dX.data.length; i++) dX.data[i] = y.data[i] <= 0 ? 0 : dY.data[i]
  return dX
}

/** The weight from input i to output j. */
export function weightAt(
  { weight, transposed, in: inputs, out }: ReferenceLinear,
  i: number,
  j: number,
): number {
  return weight.data[transposed ? j * inputs + i : i * out + j]
}
