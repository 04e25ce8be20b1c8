// What does the post's analysis say about SAE features that were computed elsewhere, say with SAELens?
//   npm run analyse -- --features F.safetensors --labels L.json
// Prints the layer's strongest features, a table of the categories, what chance gives for each, and the texts in which
// the features fire.
import { openFile } from '../../engine/weights/files-node.ts'
import { openSafetensors } from '../../engine/weights/safetensors.ts'
import type { SparseRows } from '../../engine/sparse.ts'
import { showShape } from '../../engine/tensor.ts'
import { meanFeatures } from '../../sae/pooling.ts'
import { createCommand, integerIn, runMain } from '../lab/cli/cli.ts'
import { UserError } from '../lab/cli/user-error.ts'
import { readRows } from '../lab/texts/captured-rows.ts'
import { identicalTexts, type LabelledText } from '../lab/texts/texts.ts'
import { print, printJson, visibleLine } from '../lab/cli/print.ts'
import { loadTexts } from '../lab/texts/texts-node.ts'
import { analyseLayer } from '../lab/analysis/analyse-layer.ts'
import { readFeatures, rowsByCategory } from '../lab/analysis/input.ts'
import { withStatistics } from '../lab/analysis/layer-statistics.ts'
import type { Draws } from '../lab/analysis/null-model.ts'
import { addDrawOptions, drawsOf, thresholdOption } from '../lab/analysis/analysis-options.ts'
import type { AnalysedLayer } from '../lab/analysis/layer-analysis.ts'
import { categoryTable, firingTable, layerSummary } from './table.ts'
import { chanceTables, intervalTable } from './statistics-tables.ts'
import {
  POST_THRESHOLD,
  resolveThreshold,
  showThreshold,
  type ThresholdSpec,
} from '../lab/analysis/threshold.ts'
import { showVerdict, verdicts } from './verdicts.ts'

interface Options extends Draws {
  features: string
  labels: string
  threshold?: ThresholdSpec
  tensor: string
  layer?: number
  json?: boolean
}

const command = addDrawOptions(
  createCommand('analyse', 'The analysis of the black-box post, on SAE features made elsewhere.'),
)
  .requiredOption('--features <file>', 'safetensors file: token-mean SAE activations [texts, d_sae]')
  .requiredOption(
    '--labels <file>',
    'JSON (category -> texts), JSON lines, CSV, TSV or a folder, in the order of the rows',
  )
  .addOption(
    thresholdOption(
      'an activation counts above this: a number, or a quantile of the positive activations such as q99 ' +
        `(default: ${showThreshold(POST_THRESHOLD)}, the post's)`,
    ),
  )
  .option('--tensor <name>', 'the tensor to read', 'features')
  .option(
    '--layer <n>',
    'the layer that the features come from, repeated in the result',
    integerIn('layer', 0),
  )
  .addHelpText(
    'after',
    `
Examples:
  npm run analyse -- --features layer-8.safetensors --labels texts.json --layer 8
  npm run -s analyse -- --features layer-8.safetensors --labels texts.json --threshold q99.5 --json > layer-8.json`,
  )
  .parse()

runMain(async () => {
  const options = command.opts<Options>()
  const labelled = await loadTexts(options.labels)
  const { features, pooled } = await naming(options.features, () =>
    loadFeatures(options.features, options.tensor, labelled),
  )
  const spec = options.threshold ?? POST_THRESHOLD
  const threshold = await naming(options.features, async () => resolveThreshold(spec, features))
  const categories = rowsByCategory(labelled)
  const [analysis] = await naming(`${options.features} with ${options.labels}`, async () => {
    const analysis = analyseLayer(features, categories, threshold, options.layer)
    return withStatistics([{ analysis, means: features, streamNorm: null }], categories, drawsOf(options))
  })
  const identical = identicalTexts(labelled)
  const basis = {
    features: `${options.features}, tensor ${options.tensor} ${showShape(features.shape)}`,
    labels: options.labels,
    activations: pooled
      ? 'SAE activations of tokens, as npm run capture writes them: the mean over each text’s rows but the first, BOS'
      : 'token-mean SAE activations as they stand in the file; model and hook are not recorded there',
    ...(identical === undefined ? {} : { identical }),
    threshold_from: originOf(options.threshold),
  }
  if (options.json) printJson({ basis, threshold, verdicts: verdicts([analysis]), layers: [analysis] }, 1)
  else
    print(
      asText(
        basis,
        analysis,
        labelled.map(({ text }) => text),
      ),
    )
})

/** A row for each text; where the file has a row for each token, and says of which text, their means. */
async function loadFeatures(
  path: string,
  tensor: string,
  labelled: readonly LabelledText[],
): Promise<{ features: SparseRows; pooled: boolean }> {
  const store = await openSafetensors(await openFile(path))
  try {
    const names = store.names()
    if (!names.includes(tensor))
      throw new Error(`there is no tensor "${tensor}"; choose with --tensor: ${names.join(', ')}`)
    const features = await readFeatures(store.get(tensor))
    const captured = readRows(store.metadata)
    if (captured === undefined) return { features, pooled: false }
    const other =
      captured.categories?.findIndex((category, row) => category !== labelled.at(row)?.category) ?? -1
    if (other >= 0)
      throw new Error(
        `text ${other + 1} was captured as ${JSON.stringify(captured.categories![other])}, the labels say ${JSON.stringify(labelled.at(other)?.category)}: give the texts that were captured`,
      )
    return { features: meanFeatures(features, captured.lengths), pooled: true }
  } finally {
    await store.close()
  }
}

/** What is wrong with a file its user can mend; the message says which file it is. */
async function naming<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const { message, code = '' } = error as NodeJS.ErrnoException
    const reason =
      { ENOENT: 'there is no such file', EISDIR: 'expected a file, found a folder' }[code] ?? message
    throw new UserError(reason.startsWith(file) ? reason : `${file}: ${reason}`, { cause: error })
  }
}

function originOf(given: ThresholdSpec | undefined): string {
  if (!given) return "the post's, by default"
  return given.kind === 'value' ? 'given' : `${showThreshold(given)} of the activations above 0`
}

function asText(basis: Record<string, string>, analysis: AnalysedLayer, texts: readonly string[]): string {
  const { threshold_from, ...files } = basis
  const lines = Object.entries({
    ...files,
    threshold: `${Number(analysis.threshold.toPrecision(6))}, ${threshold_from}`,
  })
  return [
    lines.map(([name, value]) => `${name.padEnd(13)}${visibleLine(value)}`).join('\n'),
    layerSummary(analysis, texts),
    categoryTable(analysis),
    'score: texts of the category above the threshold, minus texts of the others; of the top 5: the ' +
      'specialist as the post has it, the best of the five strongest features; best of all: the best score over all features',
    chanceTables([analysis]),
    intervalTable([analysis]),
    verdicts([analysis])
      .filter(({ status }) => status !== 'not tested')
      .map((verdict) => visibleLine(showVerdict(verdict)))
      .join('\n'),
    firingTable(analysis, texts),
  ].join('\n\n')
}
