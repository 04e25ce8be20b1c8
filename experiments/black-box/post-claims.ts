// The post's claims, judged by its own published numbers.
import post from '../lab/analysis/the-post.json' with { type: 'json' }
import type { Verdict } from '../lab/analysis/layer-analysis.ts'

/** One of the post's claims: what its own numbers say, and the verdict on it here. */
export interface PostClaim {
  readonly claim: string
  readonly published: string
  readonly ours: Verdict['status']
}

type CategoryResult = (typeof post.layers)[number]['categories']['Math']

/**
 * Figures from the author's own activations that he did not publish: the 95th percentile of a category's best score among
 * all features where the categories are shuffled, and how many pairs of text and feature are above the threshold in each layer.
 */
const CHANCE_SCORE = 2
const PAIRS = [92, 187, 304, 423]

/**
 * The claims of the post, in the order of `verdicts`, each beside what the post's own numbers say about it.
 * @throws if one of the claims has no verdict
 */
export function postClaims(verdicts: readonly Verdict[]): PostClaim[] {
  const byPost: [claim: string, published: string][] = [
    ['Peaks rise with depth in every category', rises(({ peak }) => peak.value)],
    ['Aggregates rise with depth in every category', rises(({ aggregate_top5 }) => aggregate_top5)],
    ['Every category has a specialist feature', specialists()],
    ['Specialisation rises with depth', specialisation()],
  ]
  return byPost.map(([claim, published]) => {
    const verdict = verdicts.find((one) => one.claim === claim)
    if (verdict === undefined) throw new Error(`postClaims: there is no verdict on "${claim}"`)
    return { claim, published, ours: verdict.status }
  })
}

const layers = post.layers.map(({ layer, categories }) => ({
  layer,
  categories: Object.entries(categories),
}))
const last = layers[layers.length - 1]
const span = `layer ${layers[0].layer} to ${last.layer}`

/** `At every step from layer 6 to 11 in 5 of 7 categories, but not in Math (layer 10 to 11: 22.3 to 19.4), ...` */
function rises(of: (result: CategoryResult) => number): string {
  const falls = last.categories.flatMap(([name], category) => {
    const values = layers.map(({ categories }) => of(categories[category][1]))
    const at = values.findIndex((value, i) => i > 0 && value <= values[i - 1])
    if (at < 0) return []
    const [from, to] = [at - 1, at].map((i) => values[i].toFixed(1))
    return [`${name} (layer ${layers[at - 1].layer} to ${layers[at].layer}: ${from} to ${to})`]
  })
  const count = last.categories.length
  const but = falls.length > 0 ? `, but not in ${falls.join(', ')}` : ''
  return `At every step from ${span} in ${count - falls.length} of ${count} categories${but}.`
}

const scoresOf = ({ categories }: (typeof layers)[number]) =>
  categories.map(([name, { specialist }]) => ({ name, score: specialist.score }))

function specialists(): string {
  const scores = scoresOf(last).sort((a, b) => b.score - a.score)
  const beyond = scores.filter(({ score }) => score > CHANCE_SCORE)
  const list = beyond.map(({ name, score }) => `${name} ${score}`).join(', ')
  const above0 = scores.filter(({ score }) => score > 0).length
  return (
    `At layer ${last.layer}, ${above0} of ${scores.length} have a score above 0. Shuffled categories reach ${CHANCE_SCORE} (95 % of them); ` +
    `above that are ${beyond.length}: ${list}.`
  )
}

function specialisation(): string {
  const sums = layers.map((layer) => scoresOf(layer).reduce((sum, { score }) => sum + score, 0))
  return (
    `The scores add up to ${sums.join(', ')} from ${span}, while ${PAIRS.join(', ')} pairs of text and feature ` +
    'are above the threshold: the more there are, the higher the scores that chance gives.'
  )
}

/** The claims for the terminal; the full verdicts are printed below them. */
export function claimsText(claims: readonly PostClaim[]): string {
  const lines = claims.flatMap(({ claim, published, ours }) => [
    `- ${claim}`,
    `    the post’s own figures: ${published}`,
    `    this run: ${ours}`,
  ])
  return ['The claims of the post, by its own figures and by these:', ...lines].join('\n')
}
