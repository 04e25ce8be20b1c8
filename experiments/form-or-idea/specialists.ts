// The features that stand for a topic or a form, and whether they do so elsewhere.
import { columnsAbove, type Column } from '../lab/analysis/columns.ts'
import { bestScores, scoreNull, scorePValue, type Shuffles } from '../lab/analysis/null-model.ts'
import { holm } from '../lab/analysis/statistics.ts'
import type { SparseRows } from '../../engine/sparse.ts'
import { labelsOf, type Design } from './design.ts'

/** Texts in which a feature is above the threshold, of how many. */
export type Share = readonly [above: number, of: number]

/** The feature that stands best for a topic, or for a form. */
export interface Specialist {
  readonly kind: 'topic' | 'form'
  /** What it was looked for in: a topic in all forms (form null), a form in all topics (topic null), or one cell. */
  readonly topic: string | null
  readonly form: string | null
  readonly feature: number
  /** `inside[0] - outside[0]`, as in the post. */
  readonly score: number
  readonly inside: Share
  /** The texts it is held against: those of all other topics (kind topic) or forms (kind form). */
  readonly outside: Share
  /** Of a specialist found in one cell: the topic's texts in its other forms, or the form's in its other topics. */
  readonly elsewhere: Share | null
  /** From shuffled labels, as is and corrected (Holm) for the topics or forms of the layer; null for a single cell's. */
  readonly p: number | null
  readonly p_corrected: number | null
}

/** Those of whole topics and forms, not of a single cell. */
export function wholeSpecialists<T extends Specialist>(specialists: readonly T[]): T[] {
  return specialists.filter(({ topic, form }) => topic === null || form === null)
}

/** Those of single cells, a topic's or a form's. */
export function cellSpecialists<T extends Specialist>(specialists: readonly T[], kind: T['kind']): T[] {
  return specialists.filter((one) => one.kind === kind && one.topic !== null && one.form !== null)
}

/**
 * For each topic, form, and cell once as a topic's and once as a form's, the feature with the best score. A tie goes to
 * the feature that is stronger inside, then to the lower number; where none is above the threshold inside there is none.
 * means: sparse [texts, d_sae]; threshold: what an activation must exceed to count
 */
export function findSpecialists(
  means: SparseRows,
  design: Design,
  threshold: number,
  draws: Shuffles,
): Specialist[] {
  const columns = columnsAbove(means, threshold)
  return (['topic', 'form'] as const).flatMap((kind) => [
    ...ofWholeGroups(columns, design, kind, draws),
    ...ofCells(columns, design, kind),
  ])
}

function ofWholeGroups(columns: readonly Column[], design: Design, kind: 'topic' | 'form', draws: Shuffles) {
  const labels = labelsOf(design)[kind]
  const names = kind === 'topic' ? design.topics : design.forms
  const found = names.map((_, group) => best(columns, labels.length, (row) => (labels[row] === group ? 'inside' : 'outside'))) // prettier-ignore
  const p = scorePValues(columns, design, kind, draws)
  const corrected = holm(p)
  return names.flatMap((name, group): Specialist[] => {
    const one = found[group]
    const place = kind === 'topic' ? { topic: name, form: null } : { topic: null, form: name }
    return one === null
      ? []
      : [{ kind, ...place, ...one, elsewhere: null, p: p[group], p_corrected: corrected[group] }]
  })
}

function ofCells(columns: readonly Column[], design: Design, kind: 'topic' | 'form'): Specialist[] {
  const labels = labelsOf(design)
  return design.topics.flatMap((topic, t) =>
    design.forms.flatMap((form, f): Specialist[] => {
      const cell = t * design.forms.length + f
      const one = best(columns, design.texts.length, (row) => {
        if (labels.cell[row] === cell) return 'inside'
        return labels[kind][row] === (kind === 'topic' ? t : f) ? 'elsewhere' : 'outside'
      })
      return one === null ? [] : [{ kind, topic, form, ...one, p: null, p_corrected: null }]
    }),
  )
}

type Place = 'inside' | 'outside' | 'elsewhere'

/** The best feature where each text has a place. Texts elsewhere have no part in the choice. */
function best(columns: readonly Column[], texts: number, placeOf: (row: number) => Place) {
  const places = Array.from({ length: texts }, (_, row) => placeOf(row))
  const of = (place: Place): number => places.filter((one) => one === place).length
  const candidates = columns.flatMap(({ feature, texts, values }) => {
    const above = { inside: 0, outside: 0, elsewhere: 0 }
    let strength = 0
    for (const [i, row] of texts.entries()) {
      above[places[row]]++
      if (places[row] === 'inside') strength += values[i]
    }
    return above.inside === 0 ? [] : [{ feature, score: above.inside - above.outside, strength, above }]
  })
  candidates.sort((a, b) => b.score - a.score || b.strength - a.strength || a.feature - b.feature)
  const first = candidates.at(0)
  if (first === undefined) return null
  const share = (place: Place): Share => [first.above[place], of(place)]
  return {
    feature: first.feature,
    score: first.score,
    inside: share('inside'),
    outside: share('outside'),
    elsewhere: share('elsewhere'),
  }
}

/** How often shuffled labels give a score as good: topics shuffled within each form, forms within each topic. */
function scorePValues(
  columns: readonly Column[],
  design: Design,
  kind: 'topic' | 'form',
  draws: Shuffles,
): number[] {
  const { topic, form } = labelsOf(design)
  const [labels, strata, groups] =
    kind === 'topic' ? [topic, form, design.topics.length] : [form, topic, design.forms.length]
  const { counts } = scoreNull(columns, labels, groups, draws, strata)
  return bestScores(columns, labels, groups).map((score, group) => scorePValue(counts[group], score))
}
