// The feature with the highest sum over each category's texts, found fast enough for thousands of shuffles.

/** A feature's whole numbers, one for each text, not negative. */
interface Weights {
  /** The texts that have a number of their own. */
  readonly texts: ArrayLike<number>
  readonly weights: ArrayLike<number>
  /** The number of every other text. */
  readonly rest: number
  /** The value that a sum over any category's texts starts with. */
  readonly start: number
}

/**
 * Several features side by side as the digits of one float64, so that one addition adds them all. It is exact: no sum over
 * a category reaches `base`, and no number has more than 53 bits.
 */
export interface PackedWeights {
  /** How many features a number holds, the first as its last digit. */
  readonly digits: number
  /** A power of two. */
  readonly base: number
  /** [texts, features / digits] */
  readonly numbers: Float64Array
  /** [features] */
  readonly starts: Float64Array
  /** [features] The sum over all texts: no category's is higher. Falling. */
  readonly reach: Float64Array
}

/**
 * @param features by falling sum over all texts
 * @param texts how many there are
 * @param largest how many the largest category has
 */
export function packWeights(features: readonly Weights[], texts: number, largest: number): PackedWeights {
  const [totals, highest] = [new Float64Array(features.length), new Float64Array(features.length)]
  for (const [i, { weights, rest }] of features.entries()) {
    totals[i] = rest * (texts - weights.length)
    highest[i] = rest
    for (let j = 0; j < weights.length; j++) {
      totals[i] += weights[j]
      highest[i] = Math.max(highest[i], weights[j])
    }
  }
  const most = largest * highest.reduce((a, b) => Math.max(a, b), 0)
  const bits = Math.max(1, Math.ceil(Math.log2(most + 1)))
  const [digits, base] = [Math.max(1, Math.floor(53 / bits)), 2 ** bits]
  const groups = Math.ceil(features.length / digits)
  const numbers = new Float64Array(texts * groups)
  for (const [i, feature] of features.entries()) {
    const [group, place] = [Math.floor(i / digits), base ** (i % digits)]
    for (let text = 0; text < texts; text++) numbers[text * groups + group] += feature.rest * place
    for (let j = 0; j < feature.texts.length; j++)
      numbers[feature.texts[j] * groups + group] += (feature.weights[j] - feature.rest) * place
  }
  const starts = Float64Array.from(features, ({ start }) => start)
  return { digits, base, numbers, starts, reach: starts.map((start, i) => start + totals[i]) }
}

/** How many numbers are added up at a time: they stay in the first-level cache, and features that can no longer win are seen early. */
const BLOCK = 256

/**
 * For each category the highest sum of any feature, 0 at least, and that feature's place, the first among equals.
 * labels: each text's category, below `categories`
 */
export function bestSums(
  packed: PackedWeights,
  labels: Uint32Array,
  categories: number,
): { sums: Float64Array; at: Uint32Array } {
  const { digits, base, numbers, starts, reach } = packed
  const groups = numbers.length / labels.length
  const { order, starts: from } = textsByLabel(labels, categories)
  const sums = new Float64Array(categories)
  const at = new Uint32Array(categories)
  const added = new Float64Array(Math.min(BLOCK, groups))
  for (let first = 0; first < groups && reach[first * digits] > leastOf(sums); first += BLOCK) {
    const block = added.subarray(0, groups - first)
    for (let c = 0; c < categories; c++) {
      addRows(block, numbers, groups, first, order.subarray(from[c], from[c + 1]))
      for (let group = 0; group < block.length; group++) {
        let rest = block[group]
        const start = (first + group) * digits
        const end = Math.min(start + digits, starts.length)
        for (let feature = start; feature < end; feature++) {
          const higher = Math.floor(rest * (1 / base))
          const sum = starts[feature] + rest - higher * base
          rest = higher
          if (sum > sums[c]) {
            sums[c] = sum
            at[c] = feature
          }
        }
      }
    }
  }
  return { sums, at }
}

/** Adds up rows of numbers [rows, width], starting at a column, over as many columns as `block` has; two rows at once. */
function addRows(
  block: Float64Array,
  numbers: Float64Array,
  width: number,
  column: number,
  rows: Uint32Array,
) {
  block.fill(0)
  let i = 0
  for (; i + 1 < rows.length; i += 2) {
    const [a, b] = [rows[i] * width + column, rows[i + 1] * width + column]
    for (let j = 0; j < block.length; j++) block[j] += numbers[a + j] + numbers[b + j]
  }
  if (i === rows.length) return
  const last = rows[i] * width + column
  for (let j = 0; j < block.length; j++) block[j] += numbers[last + j]
}

function leastOf(values: Float64Array): number {
  let least = Infinity
  for (const value of values) if (value < least) least = value
  return least
}

/** The texts, label by label: label c's are order[starts[c]] to order[starts[c + 1]] (exclusive), rising. */
export function textsByLabel(
  labels: Uint32Array,
  count: number,
): { order: Uint32Array; starts: Uint32Array } {
  const starts = new Uint32Array(count + 1)
  for (const label of labels) starts[label + 1]++
  for (let label = 0; label < count; label++) starts[label + 1] += starts[label]
  const [order, next] = [new Uint32Array(labels.length), starts.slice()]
  for (let text = 0; text < labels.length; text++) order[next[labels[text]]++] = text
  return { order, starts }
}
