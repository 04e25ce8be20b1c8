// The bundled texts, and one of each category to start with.
import { categoriesOf, fromCategories } from '../../lab/texts/texts.ts'
import texts from '../../lab/texts/texts.json' with { type: 'json' }

/** The bundled texts, in the order in which cards count them. */
export const BUNDLED_TEXTS = fromCategories(texts)

/** One text of each category, to start with. */
export const EXAMPLES = categoriesOf(BUNDLED_TEXTS).map((category) => {
  const example = BUNDLED_TEXTS.find((text) => text.category === category)
  return { category, text: example?.text ?? '' }
})
