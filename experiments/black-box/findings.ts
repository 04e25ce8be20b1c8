import type { CategoryAnalysis, LayerAnalysis } from './results.ts'

/**
 * What the numbers say about the post's three observations, a sentence each, computed and never assumed:
 * peaks rise with depth, aggregates rise with depth, and every category has a specialist feature.
 */
export function findings(layers: readonly LayerAnalysis[]): string[] {
  const last = layers.at(-1)
  if (!last) return []
  const rises =
    layers.length > 1
      ? [
          risingSentence(layers, 'The peak activation', ({ peak }) => peak?.value ?? 0),
          risingSentence(
            layers,
            'The sum of the five strongest features',
            (category) => category.aggregate_top5,
          ),
        ]
      : []
  return [strongestSentence(layers), ...rises, specialistSentence(last)]
}

function strongestSentence(layers: readonly LayerAnalysis[]): string {
  const best = layers.reduce((a, b) => ((b.strongest?.value ?? 0) > (a.strongest?.value ?? 0) ? b : a))
  if (!best.strongest) return 'No feature fires on any text.'
  const { feature, value } = best.strongest
  const [category] = Object.entries(best.categories).find(
    ([, { peak }]) => peak?.feature === feature && peak.value === value,
  )!
  return `The strongest feature of all layers is number ${feature} of layer ${best.layer}: ${value.toFixed(2)} in a text of ${category}.`
}

/** In how many categories a figure rises at every step, and where it does not. */
function risingSentence(
  layers: readonly LayerAnalysis[],
  what: string,
  figure: (category: CategoryAnalysis) => number,
): string {
  const names = Object.keys(layers[0].categories)
  const falls = names.flatMap((name) => {
    const steps = layers.slice(1).flatMap((to, i) => {
      const from = layers[i]
      const rises = figure(to.categories[name]) > figure(from.categories[name])
      return rises ? [] : [`${from.layer} to ${to.layer}`]
    })
    return steps.length > 0 ? [`${name} (layer ${steps.join(', ')})`] : []
  })
  const rising = `${what} rises at every step from layer ${layers[0].layer} to ${layers.at(-1)!.layer}`
  if (falls.length === 0) return `${rising} in all ${names.length} categories.`
  return `${rising} in ${names.length - falls.length} of ${names.length} categories; it stands still or falls in ${falls.join(', ')}.`
}

/** The specialists of the deepest layer. Scores of 1 and 2 are what chance gives with a search over all features. */
function specialistSentence({ layer, categories }: LayerAnalysis): string {
  const scores = Object.entries(categories).map(([name, { specialist }]) => ({
    name,
    score: specialist?.score ?? 0,
  }))
  const clear = scores.filter(({ score }) => score > 2).sort((a, b) => b.score - a.score)
  const listed = clear.map(({ name, score }) => `${name} ${score}`).join(', ') || 'none'
  return (
    `Specialists at layer ${layer} with a score above 2, what chance reached on the post's data: ` +
    `${clear.length} of ${scores.length} categories (${listed}).`
  )
}
