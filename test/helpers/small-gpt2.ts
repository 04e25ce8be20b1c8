import type { Backend } from '../../engine/backend.ts'
import type { Gpt2Config } from '../../gpt2/config.ts'
import { loadGpt2, type Gpt2 } from '../../gpt2/model.ts'
import { syntheticWeights } from '../../gpt2/synthetic/weights.ts'
import { randomNumbers } from './random.ts'

/** A GPT-2 small enough to run thousands of times; no size divides by 8, so that every tail is met. */
export const smallConfig: Gpt2Config = {
  nLayers: 3,
  dModel: 20,
  nHeads: 4,
  dHead: 5,
  dMlp: 43,
  nCtx: 24,
  dVocab: 61,
  eps: 1e-5,
  bos: 60,
  activation: 'gelu',
  scaledByHead: true,
  scaledByLayer: false,
  untied: false,
}

/** Weights from a formula: nothing is learned, but every part does something. */
export function smallGpt2(ops: Backend, config: Gpt2Config = smallConfig): Promise<Gpt2> {
  return loadGpt2(ops, syntheticWeights(config), config)
}

export function randomIds(length: number, seed: number, { dVocab }: Gpt2Config = smallConfig): number[] {
  const next = randomNumbers(seed)
  return Array.from({ length }, () => Math.floor(((next() + 1) / 2) * dVocab) % dVocab)
}
