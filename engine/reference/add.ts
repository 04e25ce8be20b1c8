import { Tensor } from '../tensor.ts'

/** a + b; b of a's shape, or one row for every row of a (then b's index starts over with each row). */
export function add(a: Tensor, b: Tensor): Tensor {
  return new Tensor(
    a.shape,
    a.data.map((value, i) => value + b.data[i % b.data.length]),
  )
}

/** a - b, likewise. */
export function subtract(a: Tensor, b: Tensor): Tensor {
  return new Tensor(
    a.shape,
    a.data.map((value, i) => value - b.data[i % b.data.length]),
  )
}
