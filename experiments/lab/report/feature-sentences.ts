// What was found about a feature, in sentences.
import { count, showCorrelation, showNumber, showShare } from './numbers.ts'
import { namedFeature, showToken } from './tokens.ts'
import { LEAST_TOGETHER } from '../analysis/features/correlate.ts'
import type { FeatureDashboard, TokenEffect } from '../analysis/features/feature-dashboard.ts'

/** How many of the strongest texts are asked for their category. */
const STRONGEST = 10

/** A sentence each. categories: of the texts, in row order */
export function sentences(dashboard: FeatureDashboard, categories: readonly string[]): string[] {
  return [
    firing(dashboard, categories),
    ...company(dashboard, categories),
    lens(dashboard),
    ...relatives(dashboard),
  ]
}

/** What it fires on and what it promotes, in one plain sentence. */
export function answer({ firing_texts: [strongest], density, promoted }: FeatureDashboard): string {
  const says = `its direction promotes ${list(promoted.slice(0, 3))}`
  if (strongest === undefined) return `It fires on none of these texts’ tokens; ${says}.`
  return `It fires on ${showShare(density)} of the tokens, most strongly on ${showToken(strongest.token)}, and ${says}.`
}

function firing({ tokens, ...dashboard }: FeatureDashboard, categories: readonly string[]): string {
  const [strongest] = dashboard.firing_texts
  if (strongest === undefined)
    return `It fires on none of the ${tokens} tokens: these texts do not show what it stands for.`
  return (
    `It fires on ${showShare(dashboard.density)} of the tokens (${dashboard.firing_tokens} of ${tokens}), in ` +
    `${dashboard.firing_texts.length} of ${count(categories.length, 'text')}; most strongly, ${showNumber(strongest.max)}, ` +
    `on ${showToken(strongest.token)} in text ${strongest.text + 1} (${categories[strongest.text]}).`
  )
}

/** The category that most of the strongest texts are of. */
function company({ firing_texts }: FeatureDashboard, categories: readonly string[]): string[] {
  const strongest = firing_texts.slice(0, STRONGEST)
  if (strongest.length === 0) return []
  const groups = Map.groupBy(strongest, ({ text }) => categories[text])
  const [name, texts] = [...groups].reduce((most, group) => (group[1].length > most[1].length ? group : most))
  return [
    `Of its ${strongest.length} strongest texts, ${texts.length} ${texts.length === 1 ? 'is' : 'are'} ${name}; ` +
      `of all texts, ${showShare(categories.filter((category) => category === name).length / categories.length)} are.`,
  ]
}

function lens({ promoted, suppressed }: FeatureDashboard): string {
  const [up, down] = [promoted, suppressed].map((tokens) => list(tokens.slice(0, 5)))
  return `Read through the unembedding, its direction promotes ${up} and suppresses ${down}.`
}

const list = (tokens: readonly TokenEffect[]): string => tokens.map(({ token }) => showToken(token)).join(' ')

function relatives({ layer, nearest: [near], next_layer: next, ...dashboard }: FeatureDashboard): string[] {
  const found: string[] = []
  if (near)
    found.push(
      `Nearest direction in layer ${layer}: feature ${namedFeature(near.feature, near.token)}, cosine ${showCorrelation(near.cosine)}.`,
    )
  if (next === null) return [...found, `Layer ${layer} is the last that has an SAE: no layer follows.`]
  const [most] = next.features
  if (most)
    found.push(
      `In layer ${next.layer}, feature ${namedFeature(most.feature, most.token)} follows it most closely: correlation ${showCorrelation(most.correlation)}, ` +
        `with ${count(most.together, 'token')} on which both fire.`,
    )
  else if (dashboard.firing_tokens > 0)
    found.push(
      `No feature of layer ${next.layer} fires together with it on ${LEAST_TOGETHER} tokens or more.`,
    )
  return found
}
