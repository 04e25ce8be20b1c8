// Surface form or idea? The answer, computed from the cosines alone.
import { holm, permutationPValue, SIGNIFICANT } from '../lab/analysis/statistics.ts'
import { showSigned } from '../lab/report/numbers.ts'
import type { Answer, Verdict } from './layer-result.ts'
import type { CosineStatistics, Effect } from './similarity.ts'

/** The cosines of a layer, or of the tokens themselves (layer null). */
interface Asked {
  readonly layer: number | null
  readonly cosine: CosineStatistics
}

/** An answer each. permutations: how many shuffles the p-values are of */
export function answers(asked: readonly Asked[], permutations: number): Answer[] {
  const tests = asked.flatMap(({ cosine }) => [cosine.idea_effect, cosine.form_effect])
  const corrected = holm(tests.map(({ p }) => p))
  const tellable = tests.length * permutationPValue(0, permutations) <= SIGNIFICANT
  return asked.map(({ layer, cosine }, i) => {
    const [ideaP, formP] = corrected.slice(2 * i)
    const verdict = tellable ? verdictOf(cosine, ideaP, formP) : 'too few shuffles'
    return { layer, verdict, sentence: sentenceOf(layer, verdict), figures: figuresOf(cosine, ideaP, formP) }
  })
}

/**
 * The larger effect, where it is beyond chance and the interval of the difference leaves out 0. If the interval holds 0:
 * both, where both are beyond chance, and undecided where one is.
 */
function verdictOf({ difference }: CosineStatistics, ideaP: number, formP: number): Verdict {
  const [idea, form] = [ideaP <= SIGNIFICANT, formP <= SIGNIFICANT]
  if (!idea && !form) return 'neither'
  const [low, high] = difference.interval
  if (form && low > 0) return 'surface form'
  if (idea && high < 0) return 'idea'
  return idea && form ? 'both' : 'undecided'
}

const VERDICTS: Readonly<Record<Verdict, string>> = {
  'surface form': 'surface form more than idea',
  idea: 'idea more than surface form',
  both: 'surface form and idea, neither clearly more',
  neither: 'neither surface form nor idea beyond chance',
  'too few shuffles': 'either cannot be told from so few shuffles, as no corrected p can reach 0.05',
  undecided: 'one of surface form and idea beyond chance, but not clearly more than the other',
}

function sentenceOf(layer: number | null, verdict: Verdict): string {
  const who = layer === null ? 'the tokens themselves follow' : `layer ${layer} follows`
  const subject = verdict === 'too few shuffles' ? `Whether ${who}` : capitalised(who)
  return `${subject} ${VERDICTS[verdict]}.`
}

function figuresOf(
  { idea_effect, form_effect, difference }: CosineStatistics,
  ideaP: number,
  formP: number,
): string {
  const effect = ({ value }: Effect, p: number): string =>
    `${showCosine(value)} (${p <= SIGNIFICANT ? '' : 'within chance, '}p ${showP(p)})`
  const [low, high] = difference.interval.map(showCosine)
  return (
    `Sharing a form changes the cosine of two sets of texts by ${effect(form_effect, formP)}, sharing a topic by ` +
    `${effect(idea_effect, ideaP)}; the difference is ${showCosine(difference.value)} (95 % interval ${low} to ${high}).`
  )
}

const BRIEFLY: Readonly<Record<Verdict, string>> = {
  'surface form': 'surface form',
  idea: 'the idea',
  both: 'both, neither clearly more,',
  neither: 'neither beyond chance',
  'too few shuffles': 'it cannot be told from so few shuffles',
  undecided: 'it cannot be told',
}

export const QUESTION =
  'Do the features of sparse autoencoders follow what a text says, or how it is written?'

/** The question of the experiment, answered in a sentence over all layers, with what the tokens themselves follow. */
export function overallAnswer(found: readonly Answer[]): string {
  const groups = Map.groupBy(
    found.filter(({ layer }) => layer !== null),
    ({ verdict }) => verdict,
  )
  const verdicts = [...groups].map(([verdict, layers]) => {
    const where =
      groups.size === 1 && layers.length > 1
        ? `at all ${layers.length} layers`
        : `at ${layers.length > 1 ? 'layers' : 'layer'} ${layers.map(({ layer }) => layer).join(', ')}`
    return `${BRIEFLY[verdict]} ${where}`
  })
  const [ofTokens] = found.filter(({ layer }) => layer === null)
  return (
    `Surface form or idea? ${capitalised(verdicts.join('; '))}; the tokens alone, before any model: ` +
    `${BRIEFLY[ofTokens.verdict].replace(/,$/, '')}.`
  )
}

/** The numbers behind it. asked: the tokens (layer null) and at least one layer */
export function overallFigures(asked: readonly Asked[]): string {
  const cosines = asked.filter(({ layer }) => layer !== null).map(({ cosine }) => cosine)
  const [tokens] = asked.filter(({ layer }) => layer === null)
  return (
    `Sharing a form adds ${rangeOf(cosines.map(({ form_effect }) => form_effect.value))} to the cosine of two sets of texts’ ` +
    `features, sharing a topic ${rangeOf(cosines.map(({ idea_effect }) => idea_effect.value))}; of the tokens alone ` +
    `${showCosine(tokens.cosine.form_effect.value)} and ${showCosine(tokens.cosine.idea_effect.value)}.`
  )
}

const capitalised = (text: string): string => text[0].toUpperCase() + text.slice(1)

/** `+0.170 to +0.492`, or the one number that there is. */
function rangeOf(values: readonly number[]): string {
  return [...new Set([Math.min(...values), Math.max(...values)].map(showCosine))].join(' to ')
}

/** `+0.213`: a cosine, or a difference of two. */
export const showCosine = (value: number): string => showSigned(value, 3)

/** A p-value: as small as the number of draws lets it be, never 0. */
export function showP(p: number): string {
  return Number(p.toPrecision(2)).toString()
}
