// A layer of GPT-2 small or an SAE, as every contestant computes it.
import { createReferenceBackend } from '../../engine/reference/backend.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { sourceOf } from '../../engine/weights/weights.ts'
import { checkClose, windows } from '../verify.ts'
import { numbers } from '../numbers.ts'

/** x W + b, then ReLU if it is an SAE's encoder: what jax-js and onnxruntime-web compute beside our backends. */
export interface Layer {
  readonly tokens: number
  readonly inputs: number
  readonly outputs: number
  readonly relu: boolean
}

export interface Problem extends Layer {
  readonly x: Tensor // [tokens, inputs]
  readonly weight: Tensor // [inputs, outputs]
  readonly bias: Tensor // [outputs]
}

/** A contestant that has been started. */
export interface Contestant {
  readonly mode: string
  prepare(problem: Problem): Promise<Prepared>
}

/** A layer whose weights and x are on the device. Each part is done when one row of what it made has come back. */
export interface Prepared {
  /** Uploads x from host memory to the device again. */
  upload(): Promise<unknown>
  compute(): Promise<unknown>
  /** Downloads the whole of a result computed before. -> [tokens, outputs] */
  readBack(): Promise<Float32Array>
  release(): void | Promise<void>
}

/** The parts that are timed. */
export const parts = ['upload', 'compute', 'readBack'] as const

export interface RaceTask {
  readonly layer: Layer
  readonly part: (typeof parts)[number]
}

/** The same numbers for everyone; about 60 in 24,576 of an encoder's features are active per token. */
export function makeProblem(layer: Layer): Problem {
  const { tokens, inputs, outputs, relu } = layer
  const lower = relu ? -2.8 * 0.05 * Math.sqrt(inputs / 9) : 0 // standard deviations of x W below zero
  return {
    ...layer,
    x: numbers([tokens, inputs], 1),
    weight: numbers([inputs, outputs], 2, 0.05),
    bias: numbers([outputs], 3, relu ? 0 : 1, lower),
  }
}

/** @throws unless the first, middle and last rows equal the reference's */
export async function checkLayer(name: string, problem: Problem, got: Float32Array): Promise<void> {
  const { tokens, outputs, relu, x, weight, bias } = problem
  if (got.length !== tokens * outputs)
    throw new Error(`${name}: wrong result: ${got.length} numbers, expected ${tokens} x ${outputs}`)
  const reference = createReferenceBackend()
  const layer = await reference.prepareLinear(sourceOf('weight', weight), sourceOf('bias', bias))
  for (const [from, to] of windows(tokens)) {
    const activation = relu ? 'relu' : 'none'
    const expected = await reference.download(await reference.linear(x.rows(from, to), layer, { activation }))
    checkClose(name, expected.shape, got.subarray(from * outputs, to * outputs), expected.data)
  }
}
