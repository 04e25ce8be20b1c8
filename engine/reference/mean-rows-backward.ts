import type { Tensor } from '../tensor.ts'

/** Y[text] = the mean of the text's rows, so each of them gets dX[r] = dY[text] / length. -> [rows, width] */
export function meanRowsBackward(dY: Tensor, lengths: readonly number[]): Tensor {
  const rows = lengths.reduce((sum, length) => sum + length, 0)
  const dX = dY.like([rows, dY.shape[1]])
  let row = 0
  for (const [text, length] of lengths.entries())
    for (let t = 0; t < length; t++) dX.row(row++).set(dY.row(text).map((value) => value / length))
  return dX
}
