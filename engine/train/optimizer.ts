// Moving weights against their gradients: AdamW, with the gradients clipped.
import type { Backend, DeviceTensor } from '../backend.ts'
import { likeGradient, rulesOf, type Moments, type TrainedWeights, type WeightGradient } from '../backward.ts'
import { Tensor, type Shape } from '../tensor.ts'

/** What a step moves: prepared weights, or a tensor made outside every scope, such as an SAE's b_dec. */
export type Parameter = TrainedWeights | DeviceTensor

export interface AdamSettings {
  readonly beta1?: number
  readonly beta2?: number
  readonly eps?: number
  readonly weightDecay?: number
}

/** The state that a stopped training continues from. */
export interface AdamState {
  readonly steps: number
  /** Of each parameter in order: mean, then square, of its weight, and of its bias where it has one. */
  readonly moments: readonly Tensor[]
}

/** AdamW (Loshchilov and Hutter 2019) over some parameters, with PyTorch's defaults but for the decay, which is 0. */
export class AdamW {
  readonly #ops: Backend
  readonly #settings: Required<AdamSettings>
  readonly #moments: ReadonlyMap<Parameter, Moments>
  #t: number

  /**
   * The moments begin at 0, or as they were saved of the same parameters in the same order, and live until `release`.
   * @throws if the backend has no backward rules
   */
  constructor(
    ops: Backend,
    parameters: readonly Parameter[],
    settings: AdamSettings = {},
    saved?: AdamState,
  ) {
    rulesOf(ops)
    this.#ops = ops
    this.#settings = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, ...settings }
    this.#t = saved?.steps ?? 0
    const moments = saved?.moments.values()
    const begin = (shape: Shape) => ops.upload(moments?.next().value ?? Tensor.zeros(shape))
    this.#moments = new Map(
      parameters.map((parameter) => [
        parameter,
        { mean: likeGradient(parameter, begin), square: likeGradient(parameter, begin) },
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

  /** Everything that a training needs to continue with the same bits, except the parameters themselves. */
  async save(): Promise<AdamState> {
    const moments: Tensor[] = []
    for (const tensor of this.#tensors()) moments.push(await this.#ops.download(tensor))
    return { steps: this.#t, moments }
  }

  release(): void {
    for (const tensor of this.#tensors()) this.#ops.release(tensor)
  }

  #tensors(): DeviceTensor[] {
    return [...this.#moments.values()].flatMap(({ mean, square }) =>
      [mean, square].flatMap(({ weight, bias }) => (bias ? [weight, bias] : [weight])),
    )
  }
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
