// The screen’s bound of one token worked out in float64: what its int8 values leave possible.
import {
  FEATURE_MOST,
  ROW_MOST,
  SUM16_MOST,
  LARGE,
  MAX_LARGE,
  rowRounding,
} from '../../../engine/wasm/screen/bound.ts'
import { STEP } from '../../../engine/wasm/screen/layout.ts'

/** A row as the screen splits it: what stays float32 (zero elsewhere), the rest in int8, and the factors of |w_j| and of |d_j|. */
export interface SplitRow {
  readonly large: Float64Array
  readonly int8: Float64Array // what the values stand for
  readonly ofNorm: number
  readonly ofError: number
}

/** What engine/wasm/screen/quantize-rows.ts does, in float64. */
export function splitRow(x: Float32Array): SplitRow {
  const limit = largeLimit(x)
  const large = Float64Array.from(x, (value) => (Math.abs(value) > limit ? value : 0))
  const rest = Float64Array.from(x, (value, k) => value - large[k])
  const step = rest.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / ROW_MOST || 1
  const int8 = rest.map((value) => Math.round(value / step) * step)
  const residual = norm(rest.map((value, k) => value - int8[k]))
  const rounding = rowRounding(x.length) * (norm(x) + residual)
  return { large, int8, ofNorm: residual + rounding, ofError: norm(int8) + rounding }
}

/** Above which size numbers of a row stay float32. */
function largeLimit(x: Float32Array): number {
  for (let limit = Infinity; ;) {
    const rest = x.filter((value) => Math.abs(value) <= limit)
    const next = (LARGE * norm(rest)) / Math.sqrt(rest.length)
    const larger = x.filter((value) => Math.abs(value) > next).length
    if (larger === x.length - rest.length || larger > MAX_LARGE) return limit
    limit = next
  }
}

/** A feature's scale: its numbers divided by it are what engine/wasm/screen/quantize-features.ts rounds. */
export function featureScale(w: Float64Array): number {
  const largest = w.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  // of each 16-bit sum of a step: numbers 0, 1, 4, 5, ... or 2, 3, 6, 7, ...; those of one sign
  const lanes = new Map<string, number>()
  for (const [k, value] of w.entries()) {
    const lane = `${Math.floor(k / STEP)} ${k & 2} ${value < 0}`
    lanes.set(lane, (lanes.get(lane) ?? 0) + Math.abs(value))
  }
  return Math.max(largest / FEATURE_MOST, Math.max(...lanes.values()) / (SUM16_MOST - STEP / 4))
}

export function norm(numbers: Iterable<number>): number {
  let squares = 0
  for (const value of numbers) squares += value * value
  return Math.sqrt(squares)
}
