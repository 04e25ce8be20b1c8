// What can be chosen for the superposition toy, and how the link holds it.
import { PRESENT, type ToySettings } from '../../lab/analysis/superposition/toy.ts'

export const USUAL_TOY: ToySettings = { present: 1, decay: 0.9, seed: 0 }

/** How much each feature matters, as a multiple of the one before it. */
export const DECAYS = [1, 0.9, 0.7, 0.5]

/** `0.1-0.9-0` */
export function writeToy({ present, decay, seed }: ToySettings): string {
  return `${present}-${decay}-${seed}`
}

/** Undefined unless it is as writeToy writes what the page offers. */
export function readToy(written: string): ToySettings | undefined {
  const [present, decay, seed] = written.split('-').map(Number)
  const toy = { present, decay, seed }
  const offered = PRESENT.includes(present) && DECAYS.includes(decay) && /-\d{1,6}$/.test(written)
  return offered && writeToy(toy) === written ? toy : undefined
}
