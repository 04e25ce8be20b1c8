// How the page's continuations are drawn: as npm run generate draws them, with the same defaults.
import type { Sampling } from '../protocol.ts'

export const USUAL_SAMPLING: Sampling = { temperature: 0.8, topK: null, topP: 1, seed: 0, tokens: 60 }

/** What can be set, in the order of the fields and of the link. */
export const SAMPLING_FIELDS = [
  { name: 'temperature', words: 'Temperature', min: 0, max: 100, step: 0.1 },
  { name: 'topK', words: 'Top k', min: 1, max: 999_999, step: 1 },
  { name: 'topP', words: 'Top p', min: 0.001, max: 1, step: 0.05 },
  { name: 'seed', words: 'Seed', min: 0, max: 2 ** 32 - 1, step: 1 },
  { name: 'tokens', words: 'Length, in tokens', min: 1, max: 9999, step: 1 },
] as const

export type SamplingField = (typeof SAMPLING_FIELDS)[number]

/** A number as its field takes it: within its limits, rounded to three digits or whole. Anything else becomes the default. */
export function cleanNumber({ name, min, max, step }: SamplingField, written: string): number | null {
  if (written.trim() === '' || !Number.isFinite(Number(written))) return USUAL_SAMPLING[name]
  const within = Math.min(max, Math.max(min, Number(written)))
  return step === 1 ? Math.round(within) : Math.round(within * 1000) / 1000
}

/** What is said where a field could not take what was typed; empty where it could. */
export function correction(field: SamplingField, written: string): string {
  const taken = cleanNumber(field, written)
  if (written.trim() === '' || Number(written) === taken) return ''
  const { words, min, max, step } = field
  const kind = step === 1 ? 'a whole number' : 'a number of at most three decimals'
  return `${words} takes ${kind} from ${min} to ${max}. It is now ${taken ?? 'all'}.`
}

/** `0.8-all-1-0-60` */
export function writeSampling(sampling: Sampling): string {
  return SAMPLING_FIELDS.map(({ name }) => sampling[name] ?? 'all').join('-')
}

/** Undefined unless it is as writeSampling writes it. */
export function readSampling(written: string): Sampling | undefined {
  const parts = written.split('-')
  const values = SAMPLING_FIELDS.map((field, i) => [field.name, cleanNumber(field, parts[i] ?? '')] as const)
  const sampling = { ...USUAL_SAMPLING, ...Object.fromEntries(values) }
  return writeSampling(sampling) === written ? sampling : undefined
}
