// `npm run corpus`: a run that was killed goes on to the same bits; what it was begun with is held to.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parquetReadObjects } from 'hyparquet'
import type { ExampleRow, FeatureRow, Manifest } from '../../experiments/lab/analysis/corpus/corpus-format.ts'
import { createRandom } from '../../engine/random.ts'
import { openParquet } from '../../experiments/lab/texts/parquet-node.ts'
import { fromCategories } from '../../experiments/lab/texts/texts.ts'
import { isOneLine, runScript } from '../helpers/cli.ts'
import texts from '../../experiments/lab/texts/texts.json' with { type: 'json' }

const root = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'corpus-cli-'))
const corpus = join(folder, 'texts')
mkdirSync(corpus)
const lines = fromCategories(texts).map((text) => JSON.stringify(text))
writeFileSync(join(corpus, 'a.jsonl'), `${lines.slice(0, 20).join('\n')}\n{"text": 3}\n`)
writeFileSync(
  join(corpus, 'b.txt'),
  fromCategories(texts)
    .slice(60, 70)
    .map(({ text }) => text)
    .join('\n'),
)
const script = 'experiments/tools/corpus/main.ts'
const args = ['--texts', corpus, '--layers', '2', '--shard-tokens', '500', '--store', '--saedashboard']
const out = (name: string) => join(folder, name)
const test = suite('corpus command')
test.after(() => rmSync(folder, { recursive: true }))

async function rowsOf<Row>(name: string, file: string): Promise<Row[]> {
  return (await parquetReadObjects(await openParquet(join(out(name), file)))) as Row[]
}

/** Kills itself, as kill -9 does, at its `nth` draft of a file, begun or about to get its name. */
const dying = (nth: number) => `
  import fs from 'node:fs/promises'
  import { syncBuiltinESMExports } from 'node:module'
  const { open, rename } = fs
  let left = ${nth}
  const maybeDie = () => {
    if (--left === 0) process.kill(process.pid, 'SIGKILL')
  }
  fs.open = async (path, flags, ...rest) => {
    const file = await open(path, flags, ...rest)
    if (String(flags).startsWith('w')) maybeDie()
    return file
  }
  fs.rename = (from, to) => {
    maybeDie()
    return rename(from, to)
  }
  syncBuiltinESMExports()`

function killedAt(nth: number, name: string): void {
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(dying(nth))}` }
  const { status } = runScript(script, [...args, '--out', out(name)], root, { env })
  assert.is(status, null, `killed while at work, at draft ${nth}`)
}

/** Every file in a result's folder, without the command that made it. */
function filesOf(name: string): Map<string, Buffer> {
  const found = readdirSync(out(name), { recursive: true, withFileTypes: true }).filter((one) => one.isFile())
  const paths = found.map((one) => relative(out(name), join(one.parentPath, one.name))).sort()
  return new Map(
    paths.map((path) => {
      const bytes = readFileSync(join(out(name), path))
      if (path === 'manifest.json') return [path, Buffer.from(bytes.toString().replace(/"command": .*/, ''))]
      if (path === 'index.html')
        return [path, Buffer.from(bytes.toString().replace(/<code>.*?<\/code>/s, ''))]
      return [path, bytes]
    }),
  )
}

test('a corpus’s features, their examples, and what was bad', async () => {
  const { status, stdout, stderr } = runScript(script, [...args, '--out', out('whole'), '--json'])
  assert.is(stderr, '')
  assert.is(status, 0)
  const { manifest, layers } = JSON.parse(stdout) as {
    manifest: Manifest
    layers: { l0: number; tokens: number }[]
  }
  assert.is(manifest.texts.documents, 21)
  assert.is(manifest.texts.bad_input, 1)
  assert.is(
    readFileSync(join(out('whole'), 'bad-input.csv'), 'utf8'),
    'file,row,fault\na.jsonl,21,"expected a string as ""text"", found number"\n',
  )
  const features = await rowsOf<FeatureRow>('whole', 'features.parquet')
  const examples = await rowsOf<ExampleRow>('whole', 'examples.parquet')
  assert.is(features.length, 1024)
  const firings = features
    .filter(({ layer }) => layer === 2)
    .reduce((sum, row) => sum + Number(row.firings), 0)
  assert.is(firings / manifest.texts.tokens, layers[0].l0)
  for (const row of features.slice(0, 300)) {
    const own = examples.slice(row.first_example, row.first_example + row.examples)
    assert.ok(own.every(({ feature, layer }) => feature === row.feature && layer === row.layer))
    assert.is(own[0]?.activation ?? null, row.max)
    assert.is(own[0]?.tokens[own[0].at] ?? null, row.token)
    for (const { activation, activations, at, tokens } of own) {
      assert.is(activations[at], activation)
      assert.is(tokens.length, activations.length)
    }
    assert.is(row.promoted.length, 10)
  }
})

test('killed again and again, with another number of threads, from shards of another process: the same bits', () => {
  const copied = 'shards/000000.parquet'
  mkdirSync(join(out('killed'), 'shards'), { recursive: true })
  cpSync(join(out('whole'), copied), join(out('killed'), copied))
  const random = createRandom(11)
  // Among the shards, then among tables and pages.
  for (const from of [1, 20]) killedAt(from + Math.floor(random.number() * 8), 'killed')
  const { status, stderr } = runScript(script, [...args, '--threads', '1', '--out', out('killed'), '--json'])
  assert.is(status, 0, stderr)
  const [whole, killed] = [filesOf('whole'), filesOf('killed')]
  // Of the first shard nothing was stored here: its file was there.
  for (const path of whole.keys()) if (/^(activations|documents).000000/.test(path)) whole.delete(path)
  assert.equal([...killed.keys()], [...whole.keys()])
  for (const [path, bytes] of whole) assert.ok(killed.get(path)!.equals(bytes), path)
})

test('another job in the same folder, bad input where none may be, and no text at all are refused in a line', () => {
  const refusal = (...more: string[]) => {
    const { status, stderr } = runScript(script, [...args, ...more, '--json'])
    assert.is(status, 1)
    assert.ok(isOneLine(stderr), stderr)
    return stderr.replaceAll(folder, 'FOLDER').trimEnd()
  }
  assert.is(
    refusal('--out', out('whole'), '--seed', '1', '--layers', '3'),
    "error: FOLDER/whole holds another corpus's work: the SAEs or their layers, the seed differ: give the same options, name another folder with --out, or remove this one to start again",
  )
  assert.is(
    refusal('--out', out('strict'), '--strict'),
    'error: FOLDER/texts/a.jsonl, row 21: expected a string as "text", found number: correct it, or leave --strict out to have bad input counted and listed',
  )
  const empty = join(folder, 'empty.jsonl')
  writeFileSync(empty, '{"text": ""}\n')
  assert.is(
    refusal('--out', out('empty'), '--texts', empty),
    'error: the corpus has no text; bad input: 1: empty.jsonl, row 1: its "text" is empty',
  )
  assert.not(existsSync(join(out('empty'), 'manifest.json')))
  assert.not(readdirSync(out('empty')).some((name) => name.endsWith('.partial')))
})

test('stored activations are those that were tallied', async () => {
  const stored = []
  for (const name of readdirSync(join(out('whole'), 'activations')).sort())
    stored.push(...(await rowsOf<{ feature: number; activation: number }>('whole/activations', name)))
  const features = await rowsOf<FeatureRow>('whole', 'features.parquet')
  const firings = new Float64Array(1024)
  const most = new Float64Array(1024)
  for (const { feature, activation } of stored) {
    firings[feature] += 1
    most[feature] = Math.max(most[feature], activation)
  }
  assert.equal(
    [...firings],
    features.map((row) => Number(row.firings)),
  )
  assert.equal(
    [...most],
    features.map(({ max }) => max ?? 0),
  )
})

/** The fields of SAEDashboard 0.8's batch JSON (its NeuronpediaDashboardBatch), in its order. */
const BATCH = ['model_id', 'layer', 'sae_set', 'sae_id_suffix', 'features']
const FEATURE = [
  'feature_index',
  ...['neuron_alignment_indices', 'neuron_alignment_values', 'neuron_alignment_l1'],
  ...['correlated_neurons_indices', 'correlated_neurons_l1', 'correlated_neurons_pearson'],
  ...['correlated_features_indices', 'correlated_features_l1', 'correlated_features_pearson'],
  ...['neg_str', 'neg_values', 'pos_str', 'pos_values', 'frac_nonzero'],
  ...['freq_hist_data_bar_values', 'freq_hist_data_bar_heights'],
  ...['logits_hist_data_bar_heights', 'logits_hist_data_bar_values'],
  ...['n_prompts_total', 'n_tokens_in_prompt', 'dataset', 'decoder_weights_dist', 'activations', 'vector'],
]
const ACTIVATION = [
  ...['bin_min', 'bin_max', 'bin_contains', 'tokens', 'values', 'qualifying_token_index'],
  ...['dfa_values', 'dfa_maxValue', 'dfa_targetIndex'],
]

test('SAEDashboard’s fields, and bars with a height each', async () => {
  const [row] = await rowsOf<FeatureRow>('whole', 'features.parquet')
  type Feature = Record<string, unknown[]> & { activations: Record<string, unknown[]>[] }
  const read = (batch: number) =>
    JSON.parse(readFileSync(join(out('whole'), `saedashboard/2/batch-${batch}.json`), 'utf8')) as {
      features: Feature[]
    }
  assert.equal(Object.keys(read(0)), BATCH)
  const features = Array.from({ length: 8 }, (_, batch) => read(batch).features).flat()
  assert.equal(
    features.map(({ feature_index }) => Number(feature_index)),
    Array.from({ length: 1024 }, (_, i) => i),
  )
  assert.is(Number(features[0].frac_nonzero), row.density)
  for (const feature of features) {
    assert.equal(Object.keys(feature), FEATURE)
    for (const bars of ['freq', 'logits'])
      assert.is(
        feature[`${bars}_hist_data_bar_values`].length,
        feature[`${bars}_hist_data_bar_heights`].length,
      )
    assert.is(
      feature.logits_hist_data_bar_heights.reduce((sum: number, height) => sum + Number(height), 0),
      4097,
    )
    for (const one of feature.activations) {
      assert.equal(Object.keys(one), ACTIVATION)
      assert.is(one.tokens.length, one.values.length)
      const [min, max, contains] = [one.bin_min, one.bin_max, one.bin_contains].map(Number)
      const value = Number(one.values[Number(one.qualifying_token_index)])
      if (min === -1) assert.is(contains, -1)
      else assert.ok(contains > 0 && contains <= Number(feature.frac_nonzero) && value >= min)
      assert.ok(value <= max)
    }
  }
})

test('a feature’s card has what the corpus says, and a corpus without its layer is refused', () => {
  const feature = (...more: string[]) =>
    runScript('experiments/feature/main.ts', [
      '--layer',
      '2',
      '--feature',
      '12',
      '--out',
      out('feature'),
      '--json',
      ...more,
    ])
  const { status, stdout, stderr } = feature('--corpus', out('whole'))
  assert.is(status, 0, stderr)
  const [{ corpus }] = (
    JSON.parse(stdout) as { features: { corpus: { firings: number; list: unknown[] } }[] }
  ).features
  assert.ok(corpus.firings > 0)
  assert.ok(corpus.list.length > 0)
  assert.match(readFileSync(join(out('feature'), '2-12/report.html'), 'utf8'), 'Over a corpus of ')
  const lacking = feature('--corpus', out('whole'), '--layer', '3')
  assert.is(lacking.status, 1)
  assert.match(
    lacking.stderr,
    'it has no blocks.3.hook_resid_pre; it has blocks.2.hook_resid_pre: make it with npm run corpus',
  )
  const without = feature('--corpus', folder)
  assert.match(without.stderr, 'there is no finished corpus, as manifest.json is missing')
})

test.run()
