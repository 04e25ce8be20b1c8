// What does the post's analysis say about SAE features that were computed elsewhere, with SAELens for instance?
//   npm run analyse -- --features F.safetensors --labels L.json
//   npm run analyse -- --corpus results/corpus/mine --layer 4     what npm run corpus --store kept
// Prints the layer's strongest features, a table of the categories, what chance gives for each, and the texts in which
// the features fire.
import { Option } from 'commander'
import { openFile } from '../../engine/weights/files-node.ts'
import { openSafetensors } from '../../engine/weights/safetensors.ts'
import type { SparseRows } from '../../engine/sparse.ts'
import { showShape } from '../../engine/tensor.ts'
import { meanFeatures } from '../../sae/pooling.ts'
import { createCommand, integerIn, runMain } from '../lab/cli/cli.ts'
import { UserError } from '../lab/cli/user-error.ts'
import { openCorpus } from '../lab/analysis/corpus/corpus-node.ts'
import { storedDocuments, storedMeans } from '../lab/analysis/corpus/store-node.ts'
import { readRows } from '../lab/texts/captured-rows.ts'
import { checked, identicalTexts, type LabelledText } from '../lab/texts/texts.ts'
import { print, printJson, visibleLine } from '../lab/cli/print.ts'
import { loadTexts } from '../lab/texts/texts-node.ts'
import { analyseLayer } from '../lab/analysis/analyse-layer.ts'
import { readFeatures, rowsByCategory } from '../lab/analysis/input.ts'
import { withStatisticsShown } from '../lab/analysis/layer-statistics.ts'
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
  features?: string
  labels?: string
  corpus?: string
  threshold?: ThresholdSpec
  tensor?: string
  layer?: number
  json?: boolean
}

const command = addDrawOptions(
  createCommand('analyse', 'the analysis of the black-box post, on SAE features made elsewhere'),
)
  .option('--features <file>', 'safetensors file: token-mean SAE activations [texts, d_sae]')
  .option(
    '--labels <file>',
    'JSON (category -> texts), JSON lines, CSV, TSV or a folder, in the order of the rows',
  )
  .addOption(
    new Option(
      '--corpus <folder>',
      'instead of --features and --labels: a result of npm run corpus --store, whose documents are the texts and whose labels are the categories',
    ).conflicts(['features', 'labels', 'tensor']),
  )
  .addOption(
    thresholdOption(
      'the threshold above which an activation counts: a number, or a quantile of the positive activations such as q99 ' +
        `(default: ${showThreshold(POST_THRESHOLD)}, the post's)`,
    ),
  )
  .option('--tensor <name>', 'the tensor to read (default: features)')
  .option(
    '--layer <n>',
    'the layer that the features come from, noted in the result; for a corpus, the layer to read',
    integerIn('layer', 0),
  )
  .addHelpText(
    'after',
    `
Examples:
  npm run analyse -- --features layer-8.safetensors --labels texts.json --layer 8
  npm run -s analyse -- --features layer-8.safetensors --labels texts.json --threshold q99.5 --json > layer-8.json
  npm run analyse -- --corpus results/corpus/mine --layer 4`,
  )
  .parse()

runMain(async () => {
  const options = command.opts<Options>()
  const { features, texts, from, file, files } = await givenFeatures(options)
  const spec = options.threshold ?? POST_THRESHOLD
  const threshold = await naming(file, async () => resolveThreshold(spec, features))
  const categories = rowsByCategory(texts)
  const [analysis] = await naming(files, async () => {
    const analysis = analyseLayer(features, categories, threshold, options.layer)
    const inputs = [{ analysis, means: features, streamNorm: null }]
    return withStatisticsShown(inputs, categories, drawsOf(options), options.json ?? false)
  })
  const basis = { ...from, threshold_from: originOf(options.threshold) }
  if (options.json) printJson({ basis, threshold, verdicts: verdicts([analysis]), layers: [analysis] }, 1)
  else
    print(
      asText(
        basis,
        analysis,
        texts.map(({ text }) => text),
      ),
    )
})

/** A row for each text, and the description of where they come from. */
interface Given {
  readonly features: SparseRows
  readonly texts: readonly LabelledText[]
  readonly from: Readonly<Record<string, string>>
  /** What errors about features name, and what errors about features with labels name. */
  readonly file: string
  readonly files: string
}

async function givenFeatures({ features, labels, tensor, corpus, layer }: Options): Promise<Given> {
  if (corpus !== undefined) {
    if (layer === undefined) return command.error('error: --corpus needs --layer, the layer to read')
    return fromStore(corpus, layer)
  }
  if (features === undefined || labels === undefined)
    return command.error('error: give --features and --labels, or --corpus and --layer')
  return fromFiles(features, labels, tensor ?? 'features')
}

async function fromFiles(file: string, labels: string, tensor: string): Promise<Given> {
  const texts = await loadTexts(labels)
  const { features, pooled } = await naming(file, () => loadFeatures(file, tensor, texts))
  const identical = identicalTexts(texts)
  const from = {
    features: `${file}, tensor ${tensor} ${showShape(features.shape)}`,
    labels,
    activations: pooled
      ? 'SAE activations of tokens, as npm run capture writes them: the mean over each text’s rows but the first, BOS'
      : 'token-mean SAE activations as they stand in the file; model and hook are not recorded there',
    ...(identical === undefined ? {} : { identical }),
  }
  return { features, texts, from, file, files: `${file} with ${labels}` }
}

/** A store has no texts, so a document is named by its place. */
async function fromStore(folder: string, layer: number): Promise<Given> {
  const { manifest } = await openCorpus(folder)
  const documents = await storedDocuments(folder, manifest)
  const features = await storedMeans(folder, manifest, layer, documents)
  const found = documents.map(({ file, row, label }) => {
    const text = `${file}, row ${row}`
    if (label === null)
      throw new UserError(
        `${folder}: ${text} has no label, but the analysis compares the documents of labels: make the corpus from labelled texts (--label-column)`,
      )
    return { category: label, text, where: text }
  })
  const from = {
    features: `${folder}, layer ${layer} ${showShape(features.shape)}`,
    labels: `those of the corpus; documents are named by file and row, as a store has no texts`,
    activations: `SAE activations of tokens, as npm run corpus stored them with the model ${manifest.model}: the mean over each document’s tokens, BOS left out`,
    identical: 'not known: a store has no texts to compare',
  }
  const texts = await naming(folder, async () => checked(found))
  return { features, texts, from, file: folder, files: folder }
}

/** A row for each text; if the file has a row for each token and says which text it belongs to, their means. */
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

/** A fault in a file that its user can correct; the message names the file. */
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
