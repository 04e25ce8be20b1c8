// What the toy has learned: its loss, how its arrows lie, and whether that is superposition.
import { FEATURES, importances, lossOf, type Toy, type ToySettings } from './toy.ts'

type Task = Pick<ToySettings, 'present' | 'decay'>

/** Gauss and Legendre's five points and weights for the mean over 0 to 1: exact for polynomials up to degree 9. */
const [INNER, OUTER] = [-1, 1].map((sign) => Math.sqrt(5 + sign * 2 * Math.sqrt(10 / 7)) / 6)
const [HEAVY, LIGHT] = [1, -1].map((sign) => (322 + sign * 13 * Math.sqrt(70)) / 1800)
const STRENGTHS: readonly (readonly [strength: number, weight: number])[] = [
  [0.5 - OUTER, LIGHT],
  [0.5 - INNER, HEAVY],
  [0.5, 64 / 225],
  [0.5 + INNER, HEAVY],
  [0.5 + OUTER, LIGHT],
]

/** The loss over all possible inputs, not over a sample: each feature absent, or present at each of the five strengths. */
export function expectedLoss(toy: Toy, { present, decay }: Task): number {
  const importance = importances(decay)
  const x = new Float64Array(FEATURES)
  const from = (feature: number, probability: number): number => {
    if (probability === 0) return 0
    if (feature === FEATURES) return probability * lossOf(toy, x, importance)
    x[feature] = 0
    let sum = from(feature + 1, probability * (1 - present))
    for (const [strength, weight] of STRENGTHS) {
      x[feature] = strength
      sum += from(feature + 1, probability * present * weight)
    }
    return sum
  }
  return from(0, 1)
}

/**
 * The loss without superposition: the two features that matter most are at right angles and are read back whole; for each
 * other one its mean is returned, so its variance is lost: present / 3 - present² / 4.
 */
export function twoKeptLoss({ present, decay }: Task): number {
  const variance = present / 3 - (present * present) / 4
  return importances(decay)
    .subarray(2)
    .reduce((sum, importance) => sum + importance * variance, 0)
}

/** An arrow this long counts as kept. */
const KEPT = 0.5
/** In degrees: how far an angle may be from its nominal value. */
const NEARLY = 10

/** How the arrows of kept features lie to each other. */
type Form = 'none' | 'one' | 'right angle' | 'opposite pairs' | 'pentagon' | 'otherwise'

export interface Arrows {
  /** [FEATURES] */
  readonly lengths: readonly number[]
  /** Row i, column j: what feature j, present at strength 1, adds to the reader of feature i: the paper's Wᵀ W. [FEATURES, FEATURES] */
  readonly reads: readonly (readonly number[])[]
  /** What others add to a kept feature's reader, squared and summed, averaged over kept features: above 0, and below, which the ReLU cuts off. */
  readonly interference: { readonly above: number; readonly below: number }
  /** The kept features. */
  readonly kept: readonly number[]
  /** From each kept arrow to the next one round, in degrees: they sum to 360. */
  readonly gaps: readonly number[]
  readonly form: Form
}

export function arrowsOf({ W }: Toy): Arrows {
  const features = Array.from({ length: FEATURES }, (_, i) => i)
  const reads = features.map((i) => features.map((j) => W[2 * i] * W[2 * j] + W[2 * i + 1] * W[2 * j + 1]))
  const lengths = features.map((i) => Math.sqrt(reads[i][i]))
  const kept = features.filter((i) => lengths[i] > KEPT)
  const angles = kept.map((i) => (Math.atan2(W[2 * i + 1], W[2 * i]) * 180) / Math.PI).sort((a, b) => a - b)
  const gaps = angles.map((angle, i) => (i + 1 < angles.length ? angles[i + 1] : angles[0] + 360) - angle)
  return { lengths, reads, interference: interferenceOf(reads, kept), kept, gaps, form: formOf(gaps) }
}

function interferenceOf(reads: Arrows['reads'], kept: readonly number[]): Arrows['interference'] {
  let [above, below] = [0, 0]
  for (const i of kept)
    for (const [j, value] of reads[i].entries())
      if (j !== i && value > 0) above += value * value
      else if (j !== i) below += value * value
  const count = Math.max(1, kept.length)
  return { above: above / count, below: below / count }
}

function formOf(gaps: readonly number[]): Form {
  const all = (wanted: number) => gaps.every((gap) => Math.abs(gap - wanted) <= NEARLY)
  const near = (wanted: number) => gaps.some((gap) => Math.abs(gap - wanted) <= NEARLY)
  if (gaps.length === 0) return 'none'
  if (gaps.length === 1) return 'one'
  if (gaps.length === 2 && near(90)) return 'right angle'
  if ((gaps.length === 2 && near(180)) || (gaps.length === 4 && all(90))) return 'opposite pairs'
  return gaps.length === FEATURES && all(360 / FEATURES) ? 'pentagon' : 'otherwise'
}

const NUMBERS = ['None', 'One', 'Two', 'Three', 'Four', 'Five']

/** What is seen, in one or two sentences. */
export function describeArrows({ kept, gaps, form }: Arrows): string {
  const between = gaps.map(showDegrees).join(', ')
  const smallest = showDegrees(Math.min(...gaps))
  const words: Readonly<Record<Form, string>> = {
    none: 'No feature is kept.',
    one: 'One feature is kept.',
    'right angle':
      smallest === showDegrees(90)
        ? `Two features are kept, at right angles (${smallest}): neither disturbs the other.`
        : `Two features are kept, almost at right angles (${smallest}): they hardly disturb each other.`,
    'opposite pairs':
      `${NUMBERS[kept.length]} features are kept, in opposite pairs: each reads the one opposite as below 0, which the ReLU ` +
      `makes 0. From one arrow to the next: ${between}.`,
    pentagon: `All five features are kept, as a pentagon: each disturbs its neighbours a little. From one arrow to the next: ${between}.`,
    otherwise: `${NUMBERS[kept.length]} features are kept. From one arrow to the next: ${between}.`,
  }
  const given = FEATURES - kept.length
  const rest =
    given === 0 || kept.length === 0 ? '' : ` ${NUMBERS[given]} ${given === 1 ? 'is' : 'are'} given up.`
  return words[form] + rest
}

export function showDegrees(angle: number): string {
  return `${angle.toFixed(0)}°`
}

/** Losses that differ by no more than this share are called the same. */
const SAME = 0.005

/** Whether more features than dimensions pay: the toy's loss against that of two features alone. */
export function describePay(loss: number, twoKept: number): string {
  const told = `The loss is ${showLoss(loss)}; with two features alone it would be ${showLoss(twoKept)}`
  const less = 1 - loss / twoKept
  if (Math.abs(less) <= SAME) return `${told}: nothing is gained.`
  return less > 0
    ? `${told}: with superposition the loss is ${(100 * less).toFixed(0)} % lower.`
    : `${told}: that would be better.`
}

export function showLoss(loss: number): string {
  return loss.toPrecision(3)
}
