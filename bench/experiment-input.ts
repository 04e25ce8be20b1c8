// Input and output of the processes of `bench experiment`, ours and others', and the texts that they run on.
import { fileURLToPath } from 'node:url'
import type { Category } from '../experiments/lab/analysis/input.ts'
import { loadTexts } from '../experiments/lab/texts/texts-node.ts'
import { bosOf, type Gpt2Config } from '../gpt2/config.ts'
import { createTokenizer } from '../gpt2/tokenizer.ts'

/** `experiment.json`: what a measured process finds in its folder beside the model. */
export interface ExperimentInput {
  readonly threads: number
  /** The SAEs, in order. */
  readonly hooks: readonly string[]
  readonly threshold: number
  readonly categories: readonly Category[]
  /** Token ids, BOS first. */
  readonly texts: readonly (readonly number[])[]
}

/** What it prints as its last line. */
export interface ExperimentRun {
  readonly name: string
  readonly mode: string
  /** In the order of the table. */
  readonly parts: readonly ExperimentPart[]
  /** Peak resident memory in bytes: at the start, with the model, at the end. */
  readonly memory: { readonly start: number; readonly loaded: number; readonly done: number }
  /** The highest token-mean activation, one row per hook, one column per category; runs are compared by it. */
  readonly peaks: readonly (readonly number[])[]
}

export interface ExperimentPart {
  readonly work: string
  readonly shape: string
  readonly ms: number
  readonly flops: number
  readonly bytes: number
}

/** How many tokens the post's 70 texts have, BOS not counted: 975. Counted from its notebook (experiments/lab/texts/post-texts.ts). */
const publishedLengths: Readonly<Record<string, readonly number[]>> = {
  Python: [26, 15, 19, 25, 25, 12, 16, 13, 21, 10],
  URLs: [14, 11, 17, 16, 13, 8, 13, 12, 11, 10],
  Math: [13, 26, 13, 18, 13, 22, 5, 26, 16, 17],
  'Non-English': [17, 22, 11, 13, 25, 17, 20, 34, 7, 10],
  Social: [12, 13, 9, 10, 12, 9, 10, 15, 8, 11],
  Formal: [9, 13, 13, 15, 14, 10, 12, 13, 7, 12],
  Conversational: [12, 9, 13, 10, 10, 9, 9, 7, 9, 8],
}

/** Token ids of our own texts, cut to the lengths of the post's: as many texts and tokens as the post had, category by category. */
export async function textsOfPublishedLengths(config: Gpt2Config): Promise<{
  texts: number[][]
  categories: Category[]
}> {
  const own = await loadTexts(fileURLToPath(new URL('../experiments/lab/texts/texts.json', import.meta.url)))
  const tokenizer = await createTokenizer({ vocabularySize: config.dVocab })
  const texts: number[][] = []
  const categories = Object.entries(publishedLengths).map(([name, lengths]) => {
    const ids = own.filter(({ category }) => category === name).flatMap(({ text }) => tokenizer.encode(text))
    let at = 0
    const rows = lengths.map((length) => texts.push([bosOf(config), ...ids.slice(at, (at += length))]) - 1)
    return { name, rows }
  })
  return { texts, categories }
}
