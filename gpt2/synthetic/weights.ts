// GPT-2 small's sizes with weights from a formula.
import { hashedStore, type Uniform } from '../../engine/weights/hashed.ts'
import type { WeightStore } from '../../engine/weights/weights.ts'
import { gpt2Small, type Gpt2Config } from '../config.ts'
import { weightShapes } from '../weights.ts'

/**
 * GPT-2 small's sizes with weights from a formula: nothing is learned and nothing is downloaded, but every
 * number is what the float64 reference in test/reference/synthetic computed too.
 */
export function syntheticWeights(config: Gpt2Config = gpt2Small): WeightStore {
  const table = new Map<string, Uniform>()
  for (const [name, shape] of weightShapes(config)) table.set(name, { shape, ...distribution(name) })
  return hashedStore('synthetic', table)
}

function distribution(name: string): { mean: number; scale: number } {
  if (name === 'wte.weight') return { mean: 0, scale: 0.25 }
  if (name === 'wpe.weight') return { mean: 0, scale: 0.05 }
  if (name.includes('ln_')) return name.endsWith('weight') ? { mean: 1, scale: 0.3 } : { mean: 0, scale: 0.1 }
  return { mean: 0, scale: name.endsWith('weight') ? 0.08 : 0.05 }
}
