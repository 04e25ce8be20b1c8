// A tensor in host memory: numbers and a shape.

/** The sizes of a tensor's dimensions, outermost first. */
export type Shape = readonly number[]

/** The number of elements of a shape: 1 for rank 0, 0 where a dimension is 0. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, dimension) => product * dimension, 1)
}

/** `[5, 768]`, as error messages print a shape. */
export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`
}

/**
 * Float32 numbers in host memory, row-major, and the shape they have.
 * There is no lazy graph and no reference count: a tensor is its data.
 */
export class Tensor {
  readonly shape: Shape
  readonly data: Float32Array

  /** @throws if `data` does not hold exactly as many numbers as `shape` says */
  constructor(shape: Shape, data: Float32Array) {
    for (const dimension of shape)
      if (!Number.isInteger(dimension) || dimension < 0)
        throw new Error(`tensor: dimensions are whole numbers from 0, got ${showShape(shape)}`)
    if (data.length !== sizeOf(shape))
      throw new Error(`tensor: shape ${showShape(shape)} holds ${sizeOf(shape)} numbers, got ${data.length}`)
    this.shape = shape
    this.data = data
  }

  /** As the reference backend's: its tensors are those of host memory. */
  get backend(): string {
    return 'reference'
  }

  /** A tensor of zeros. */
  static zeros(shape: Shape): Tensor {
    return new Tensor(shape, new Float32Array(sizeOf(shape)))
  }

  /** A tensor from nested arrays' numbers, written flat: `Tensor.of([2, 2], [1, 2, 3, 4])`. */
  static of(shape: Shape, numbers: ArrayLike<number>): Tensor {
    return new Tensor(shape, Float32Array.from(numbers))
  }

  /** Zeros of the same kind: float32, or the float64 that tests of the reference's gradients compute in. */
  like(shape: Shape): Tensor {
    return new Tensor(shape, numbersLike(this.data, sizeOf(shape)))
  }

  /** The same data under another shape of the same size. */
  reshape(shape: Shape): Tensor {
    return new Tensor(shape, this.data)
  }

  /** Row `index` of a [rows, width] tensor: a view, not a copy. */
  row(index: number): Float32Array {
    const [rows, width] = matrixShape('row', this.shape)
    if (index < 0 || index >= rows) throw new Error(`row: ${index} is not in 0..${rows - 1}`)
    return this.data.subarray(index * width, (index + 1) * width)
  }

  /** Rows `from` to `to` (exclusive) of a [rows, width] tensor: a view, not a copy. */
  rows(from: number, to: number): Tensor {
    const [rows, width] = matrixShape('rows', this.shape)
    if (from < 0 || to < from || to > rows) throw new Error(`rows: ${from}..${to} are not within 0..${rows}`)
    return new Tensor([to - from, width], this.data.subarray(from * width, to * width))
  }
}

/** `length` zeros of the kind that `numbers` are. */
export function numbersLike(numbers: Float32Array, length: number): Float32Array {
  return new (numbers.constructor as Float32ArrayConstructor)(length)
}

/** The two dimensions of a matrix, or an error that names the operation. */
export function matrixShape(op: string, shape: Shape): [rows: number, width: number] {
  if (shape.length !== 2) throw new Error(`${op}: expected [rows, width], got ${showShape(shape)}`)
  return [shape[0], shape[1]]
}
