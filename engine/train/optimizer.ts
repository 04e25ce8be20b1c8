// Moving weights against their gradients: AdamW, with the gradients clipped.
import type { Backend, DeviceTensor } from '../backend.ts'
import { rulesOf, type Moments, type WeightGradient, type Weights } from '../backward.ts'
import { Tensor, type Shape } from '../tensor.ts'

/** What a step moves: prepared weights, or a tensor made outside every scope, such as an SAE's b_dec. */
export type Parameter = Weights | DeviceTensor

export interface AdamSettings {
  readonly beta1?: number
  readonly beta2?: number
  readonly eps?: number
  readonly weightDecay?: number
}

/** AdamW (Loshchilov and Hutter 2019) over some parameters, with PyTorch's defaults but for the decay, which is 0. */
export class AdamW {
  readonly #ops: Backend
  readonly #settings: Required<AdamSettings>
  readonly #moments: ReadonlyMap<Parameter, Moments>
  #t = 0

  /** The moments begin at 0, and live until `release`. @throws if the backend has no backward rules */
  constructor(ops: Backend, parameters: readonly Parameter[], settings: AdamSettings = {}) {
    rulesOf(ops)
    this.#ops = ops
    this.#settings = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, ...settings }
    this.#moments = new Map(
      parameters.map((parameter) => [
        parameter,
        { mean: zerosOf(ops, parameter), square: zerosOf(ops, parameter) },
      ]),
    )
  }

  /** How many steps were taken. */
  get steps(): number {
    return this.#t
  }

  /** One step at a learning rate; gradients are multiplied by `scale` first (see clipScale). */
  async step(
    gradientOf: (parameter: Parameter) => WeightGradient,
    { rate, scale = 1 }: { rate: number; scale?: number },
  ): Promise<void> {
    this.#t += 1
    const step = { ...this.#settings, t: this.#t, rate, scale }
    for (const [parameter, moments] of this.#moments)
      await rulesOf(this.#ops).adamW(parameter, gradientOf(parameter), moments, step)
  }

  release(): void {
    for (const { mean, square } of this.#moments.values())
      for (const { weight, bias } of [mean, square])
        for (const tensor of [weight, ...(bias ? [bias] : [])]) this.#ops.release(tensor)
  }
}

/** Zeros of the shapes that a parameter's gradient has. */
function zerosOf(ops: Backend, parameter: Parameter): WeightGradient {
  const zeros = (shape: Shape) => ops.upload(Tensor.zeros(shape))
  if ('shape' in parameter) return { weight: zeros(parameter.shape) }
  if ('rows' in parameter) return { weight: zeros([parameter.rows, parameter.width]) }
  if ('in' in parameter) return { weight: zeros([parameter.in, parameter.out]), bias: zeros([parameter.out]) }
  return { weight: zeros(parameter.weight.shape), bias: zeros(parameter.bias.shape) }
}

/** The Euclidean length of all gradients together. */
export async function gradientLength(ops: Backend, gradients: readonly WeightGradient[]): Promise<number> {
  let sum = 0
  for (const { weight, bias } of gradients)
    for (const part of bias ? [weight, bias] : [weight]) sum += await rulesOf(ops).squares(part)
  return Math.sqrt(sum)
}

/** What gradients of this length are multiplied by to be no longer than `most`; PyTorch's clip_grad_norm_. */
export function clipScale(length: number, most: number): number {
  return Math.min(1, most / (length + 1e-6))
}
