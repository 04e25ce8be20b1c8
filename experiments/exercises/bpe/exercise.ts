import * as fc from 'fast-check'
import { bytePairEncode } from '../../../gpt2/bpe.ts'
import { exercise } from '../exercise.ts'

/** Merges as a tokenizer learned them, first ones first: `['ab', 'c']` means that `ab` followed by `c` becomes `abc`. */
type Merge = readonly [string, string]

const letters = fc.stringMatching(/^[abc]{0,8}$/)
const anyMerges = fc.uniqueArray(
  fc.tuple(fc.stringMatching(/^[abc]{1,2}$/), fc.stringMatching(/^[abc]{1,2}$/)),
  { maxLength: 8, selector: (merge) => merge.join(' ') },
)

/** Merges pairs until none is left; `choose` picks which of the pairs that can merge. */
function mergeBy(choose: (ranks: readonly number[]) => number) {
  return (text: string, merges: readonly Merge[]): string[] => {
    const parts = [...text]
    for (;;) {
      const ranks = parts.map((part, i) => merges.findIndex(([a, b]) => a === part && b === parts[i + 1]))
      const at = choose(ranks)
      if (at < 0) return parts
      parts.splice(at, 2, parts[at] + parts[at + 1])
    }
  }
}

const leftmost = (ranks: readonly number[]) => ranks.findIndex((rank) => rank >= 0)
const lowest = (ranks: readonly number[]) => {
  const found = ranks.filter((rank) => rank >= 0)
  return found.length === 0 ? -1 : ranks.indexOf(Math.min(...found))
}
const highest = (ranks: readonly number[]) => (leftmost(ranks) < 0 ? -1 : ranks.indexOf(Math.max(...ranks)))

/** Goes through the merges once, in order. */
function once(text: string, merges: readonly Merge[]): string[] {
  return merges.reduce<string[]>(
    (parts, [a, b]) => {
      const at = parts.findIndex((part, i) => part === a && parts[i + 1] === b)
      return at < 0 ? parts : parts.toSpliced(at, 2, a + b)
    },
    [...text],
  )
}

export const bpe = exercise({
  name: 'bpe',
  title: 'Merge letters into tokens',
  difficulty: 1,
  minutes: 15,
  read: ['gpt2/bpe.ts', 'gpt2/tokenizer.ts'],
  predict: 'Does it matter in which order the merges were learned?',
  answer:
    'Yes: with (a, b) before (b, c), `abc` becomes `ab` + `c`; the other way round `a` + `bc`. Greedy merging need not give the fewest tokens.',
  hints: [
    'Begin with one part per letter. In each round look at all neighbours, and find the pair that stands earliest in `merges`.',
    'Merge that pair at its leftmost place, and look at all neighbours again: the new part may merge with the next. Stop when no pair is in the list.',
  ],
  exported: 'bytePairEncode',
  parameters: ['text', 'merges'],
  cases: fc.tuple(letters, anyMerges),
  right: (text: string, merges: readonly Merge[]) => {
    const ranks = new Map(merges.map((merge, rank) => [merge.join(' '), rank]))
    return bytePairEncode(text, (left, right) => ranks.get(`${left} ${right}`), Infinity)
  },
  mistakes: {
    'The leftmost pair that can merge is taken. The pair that was learned first goes first.':
      mergeBy(leftmost),
    'The pair that was learned last is taken. The one learned first goes first.': mergeBy(highest),
    'Each merge is tried once, at one place. After every merge all neighbours are looked at again.': once,
    'Only one merge is made.': (text, merges) => {
      const ranks = [...text].map((part, i) => merges.findIndex(([a, b]) => a === part && b === text[i + 1]))
      const at = lowest(ranks)
      return at < 0 ? [...text] : [...text].toSpliced(at, 2, text.slice(at, at + 2))
    },
  },
})
