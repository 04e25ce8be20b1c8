// `npm run corpus`: a run that was killed goes on to the same bits; what it was begun with is held to.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parquetReadObjects } from 'hyparquet'
import type { ExampleRow, FeatureRow, Manifest } from '../../experiments/lab/analysis/corpus/corpus-format.ts'
import { openParquet } from '../../experiments/lab/texts/parquet-node.ts'
import { fromCategories } from '../../experiments/lab/texts/texts.ts'
import { isOneLine, runScript } from '../helpers/cli.ts'
import texts from '../../experiments/lab/texts/texts.json' with { type: 'json' }

const root = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'corpus-cli-'))
const corpus = join(folder, 'texts')
mkdirSync(corpus)
const lines = fromCategories(texts).map((text) => JSON.stringify(text))
writeFileSync(join(corpus, 'a.jsonl'), `${lines.slice(0, 60).join('\n')}\n{"text": 3}\n`)
writeFileSync(
  join(corpus, 'b.txt'),
  fromCategories(texts)
    .map(({ text }) => text)
    .join('\n'),
)
const script = 'experiments/tools/corpus/main.ts'
const args = ['--texts', corpus, '--layers', '2,4', '--shard-tokens', '700']
const out = (name: string) => join(folder, name)
const test = suite('corpus command')
test.after(() => rmSync(folder, { recursive: true }))

const RESULT = ['features.parquet', 'examples.parquet', 'layers.parquet', 'bad-input.csv']

async function rowsOf<Row>(name: string, file: string): Promise<Row[]> {
  return (await parquetReadObjects(await openParquet(join(out(name), file)))) as Row[]
}

/** Kills a run as soon as it has written some shards. */
async function killedAfter(shards: number, name: string): Promise<void> {
  const child = spawn(process.execPath, [join(root, script), ...args, '--out', out(name)], {
    stdio: 'ignore',
  })
  const written = () => (existsSync(join(out(name), 'shards')) ? readdirSync(join(out(name), 'shards')) : [])
  const poll = setInterval(() => {
    if (written().filter((file) => file.endsWith('.parquet')).length >= shards) child.kill('SIGKILL')
  }, 2)
  const [, signal] = (await once(child, 'close')) as [number | null, string | null]
  clearInterval(poll)
  assert.is(signal, 'SIGKILL', 'killed while at work')
}

test('a corpus’s features, their examples, and what was bad', async () => {
  const { status, stdout, stderr } = runScript(script, [...args, '--out', out('whole'), '--json'])
  assert.is(stderr, '')
  assert.is(status, 0)
  const { manifest, layers } = JSON.parse(stdout) as {
    manifest: Manifest
    layers: { l0: number; tokens: number }[]
  }
  assert.is(manifest.texts.documents, 61)
  assert.is(manifest.texts.bad_input, 1)
  assert.is(
    readFileSync(join(out('whole'), 'bad-input.csv'), 'utf8'),
    'file,row,fault\na.jsonl,61,"expected a string as ""text"", found number"\n',
  )
  const features = await rowsOf<FeatureRow>('whole', 'features.parquet')
  const examples = await rowsOf<ExampleRow>('whole', 'examples.parquet')
  assert.is(features.length, 2048)
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

test('killed twice, it goes on to the same bits', async () => {
  await killedAfter(2, 'killed')
  await killedAfter(4, 'killed')
  const { status, stderr } = runScript(script, [...args, '--out', out('killed'), '--json'])
  assert.is(status, 0, stderr)
  for (const name of RESULT)
    assert.ok(readFileSync(join(out('whole'), name)).equals(readFileSync(join(out('killed'), name))), name)
  const manifest = (name: string) => ({
    ...(JSON.parse(readFileSync(join(out(name), 'manifest.json'), 'utf8')) as Manifest),
    command: '',
  })
  assert.equal(manifest('killed'), manifest('whole'))
})

test('another job in the same folder, bad input where none may be, and no text at all are refused in a line', () => {
  const refusal = (...more: string[]) => {
    const { status, stderr } = runScript(script, [...args, ...more, '--json'])
    assert.is(status, 1)
    assert.ok(isOneLine(stderr), stderr)
    return stderr.replaceAll(folder, 'FOLDER').trimEnd()
  }
  assert.is(
    refusal('--out', out('whole'), '--seed', '1', '--layers', '2'),
    "error: FOLDER/whole holds another corpus's work: the SAEs or their layers, the seed differ: give the same options, name another folder by --out, or remove this one to begin again",
  )
  assert.is(
    refusal('--out', out('strict'), '--strict'),
    'error: FOLDER/texts/a.jsonl, row 61: expected a string as "text", found number: mend it, or leave --strict out to have bad input counted and listed',
  )
  const empty = join(folder, 'empty.jsonl')
  writeFileSync(empty, '{"text": ""}\n')
  assert.is(
    refusal('--out', out('empty'), '--texts', empty),
    'error: there is no text in the corpus, and 1 places of bad input: empty.jsonl, row 1: its "text" is empty',
  )
  assert.not(existsSync(join(out('empty'), 'manifest.json')))
  assert.not(readdirSync(out('empty')).some((name) => name.endsWith('.partial')))
})

test('stored activations are those that were tallied', async () => {
  const { status, stderr } = runScript(script, [...args, '--out', out('stored'), '--store', '--json'])
  assert.is(status, 0, stderr)
  const stored = []
  for (const name of readdirSync(join(out('stored'), 'activations')).sort())
    stored.push(
      ...(await rowsOf<{ sae: number; feature: number; activation: number }>('stored/activations', name)),
    )
  const features = await rowsOf<FeatureRow>('stored', 'features.parquet')
  const firings = new Float64Array(2048)
  const most = new Float64Array(2048)
  for (const { sae, feature, activation } of stored) {
    firings[1024 * sae + feature] += 1
    most[1024 * sae + feature] = Math.max(most[1024 * sae + feature], activation)
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

test.run()
