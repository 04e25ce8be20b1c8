// Learning rates over the steps of a training, and the order of its examples.
import type { Random } from '../random.ts'

/** How a learning rate rises and falls. */
export interface Schedule {
  readonly rate: number
  readonly steps: number
  /** Steps at the beginning over which the rate rises in a straight line to `rate`. */
  readonly warmUp?: number
  /** Steps at the end over which it falls to `least`. */
  readonly decay?: number
  /** The share of `rate` that is left at the end; 0 if left out. */
  readonly least?: number
  readonly shape?: 'linear' | 'cosine'
}

/** The learning rate of step number `step`, from 0. */
export function rateAt(
  step: number,
  { rate, steps, warmUp = 0, decay = 0, least = 0, shape = 'linear' }: Schedule,
): number {
  if (step < warmUp) return (rate * (step + 1)) / warmUp
  const done = decay === 0 ? 0 : Math.min(1, Math.max(0, (step - (steps - decay)) / decay))
  const left = shape === 'cosine' ? (1 + Math.cos(Math.PI * done)) / 2 : 1 - done
  return rate * (least + (1 - least) * left)
}

/** 0 to `count` (exclusive), in random order (Fisher and Yates). */
export function shuffled(count: number, random: Random): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i)
  for (let left = count; left > 1; left--) {
    const pick = random.index(left)
    const last = order[left - 1]
    order[left - 1] = order[pick]
    order[pick] = last
  }
  return order
}
