// The lines of source that the page shows beside each step, cut out of the files.
import { readFile } from 'node:fs/promises'
import ts from 'typescript'
import type { Snippet, Sources, Step } from '../sources-shape.ts'

/** The source that the page shows for each step: named functions of the project's own files. */
const SHOWN: Readonly<Record<Step, readonly (readonly [file: string, name: string])[]>> = {
  tokens: [
    ['gpt2/tokenizer.ts', 'PRE_TOKEN'],
    ['gpt2/bpe.ts', 'bytePairEncode'],
    ['gpt2/embedding.ts', 'embedding'],
  ],
  features: [
    ['sae/encoder.ts', 'saeInput'],
    ['sae/encoder.ts', 'encode'],
    ['engine/reference/sparse-encode.ts', 'sparseEncode'],
  ],
  edit: [
    ['sae/edit.ts', 'liveEdit'],
    ['sae/edit.ts', 'addDirection'],
    ['engine/reference/kl-divergence.ts', 'klDivergence'],
  ],
  card: [
    ['experiments/lab/analysis/features/activations.ts', 'activationStatistics'],
    ['experiments/lab/analysis/features/directions.ts', 'logitLens'],
    ['experiments/lab/analysis/features/directions.ts', 'nearestFeatures'],
    ['experiments/lab/analysis/features/correlate.ts', 'correlated'],
  ],
  write: [
    ['gpt2/generate.ts', 'generate'],
    ['gpt2/generate.ts', 'draw'],
    ['experiments/lab/models/change-hooks.ts', 'changeHooks'],
  ],
  patch: [
    ['experiments/explorer/align.ts', 'align'],
    ['experiments/lab/analysis/intervene.ts', 'patcher'],
    ['experiments/lab/analysis/intervene.ts', 'answersWith'],
  ],
  library: [
    ['experiments/explorer/library-search.ts', 'searchLibrary'],
    ['experiments/explorer/library-search.ts', 'tokenHits'],
    ['experiments/explorer/worker/library.ts', 'highestInText'],
  ],
  attention: [
    ['gpt2/attention.ts', 'visibleAttention'],
    ['engine/reference/attention.ts', 'attentionPattern'],
    ['engine/reference/attention.ts', 'attentionMix'],
  ],
  mlp: [
    ['gpt2/mlp.ts', 'mlp'],
    ['engine/reference/gelu.ts', 'geluOf'],
  ],
  lens: [
    ['experiments/explorer/worker/guesses.ts', 'logitLens'],
    ['engine/reference/layer-norm.ts', 'layerNorm'],
  ],
  next: [
    ['gpt2/block.ts', 'block'],
    ['gpt2/model.ts', 'run'],
    ['engine/reference/softmax.ts', 'softmaxRow'],
  ],
  why: [
    ['gpt2/attribution.ts', 'logitReader'],
    ['gpt2/attribution.ts', 'shareOf'],
    ['experiments/lab/analysis/features/direct-shares.ts', 'directShares'],
    ['experiments/explorer/worker/why.ts', 'explainWithout'],
  ],
  superposition: [
    ['experiments/lab/analysis/superposition/toy.ts', 'lossOf'],
    ['experiments/lab/analysis/superposition/judge.ts', 'expectedLoss'],
    ['experiments/lab/analysis/superposition/judge.ts', 'twoKeptLoss'],
  ],
}

/** The lines of every step, as they are in the files now. @throws if a function is gone or was renamed */
export async function readSources(shown: typeof SHOWN = SHOWN): Promise<Sources> {
  const steps = Object.entries(shown).map(async ([step, places]) => {
    const snippets = await Promise.all(
      places.map(async ([file, name]) => {
        const url = new URL(`../../../${file}`, import.meta.url)
        return cutFunction(file, await readFile(url, 'utf8'), name)
      }),
    )
    return [step, snippets] as const
  })
  return Object.fromEntries(await Promise.all(steps)) as unknown as Sources
}

/**
 * A top-level function or constant, with the comment before it.
 * @throws if the file has none of this name
 */
export function cutFunction(file: string, source: string, name: string): Snippet {
  const parsed = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true)
  const statement = parsed.statements.find((candidate) => namesOf(candidate).includes(name))
  if (statement === undefined)
    throw new Error(
      `${file} no longer has a top-level ${name}, which the Explorer shows: correct experiments/explorer/build/sources.ts`,
    )
  const [comment] = ts.getLeadingCommentRanges(source, statement.pos)?.slice(-1) ?? []
  const from = comment?.pos ?? statement.getStart(parsed)
  return {
    file,
    line: parsed.getLineAndCharacterOfPosition(from).line + 1,
    code: source.slice(from, statement.end).replaceAll('\r\n', '\n'),
  }
}

function namesOf(statement: ts.Statement): string[] {
  if (ts.isFunctionDeclaration(statement)) return statement.name ? [statement.name.text] : []
  if (!ts.isVariableStatement(statement)) return []
  return statement.declarationList.declarations.flatMap(({ name }) =>
    ts.isIdentifier(name) ? [name.text] : [],
  )
}
