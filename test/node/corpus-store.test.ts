// What `npm run corpus --store` keeps: the same numbers as capture's, read back by `npm run analyse`, whole or refused by name.
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
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openFile } from '../../engine/weights/files-node.ts'
import { openSafetensors } from '../../engine/weights/safetensors.ts'
import { readTensor } from '../../engine/weights/weights.ts'
import { isOneLine, runScript } from '../helpers/cli.ts'
import { checkSameNumbers } from '../helpers/compare.ts'
import texts from '../../experiments/lab/texts/texts.json' with { type: 'json' }

const root = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'corpus-store-'))
const out = (name: string) => join(folder, name)
// One is longer than the context of 256, and stands in two shards.
const long = `${texts.Python.join('\n')}\n${texts.Math.join('\n')}`
const labelled = { Python: texts.Python.slice(0, 8), Math: [...texts.Math.slice(0, 8), long] }
const file = out('texts.json')
writeFileSync(file, JSON.stringify(labelled))
const hook = 'blocks.3.hook_resid_pre'
const features = `${hook}.hook_sae_acts_post`

const corpus = (name: string, ...more: string[]) =>
  runScript(
    'experiments/tools/corpus/main.ts',
    ['--texts', file, '--layers', '2,3', '--shard-tokens', '300', '--out', out(name), '--json', ...more],
    root,
  )
const analyse = (...args: string[]) =>
  runScript('experiments/black-box/analyse.ts', ['--permutations', '20', '--resamples', '20', ...args])

const test = suite('corpus store')
test.before(() => {
  const { status, stderr } = corpus('stored', '--store', `features,${hook},blocks.1.attn.hook_z`)
  assert.is(status, 0, stderr)
  const capture = ['--texts', file, '--long', 'split', '--hooks', `${hook},${features}`, '--force']
  const captured = runScript('experiments/tools/capture/main.ts', [...capture, '--out', out('captured')])
  assert.is(captured.status, 0, captured.stderr)
})
test.after(() => rmSync(folder, { recursive: true }))

test('analyse says of a store what it says of captured features', () => {
  const fromStore = analyse('--corpus', out('stored'), '--layer', '3', '--json')
  assert.is(fromStore.status, 0, fromStore.stderr)
  const files = ['--features', out('captured'), '--labels', file, '--tensor', features]
  const fromFiles = analyse(...files, '--layer', '3', '--json')
  assert.is(fromFiles.status, 0, fromFiles.stderr)
  const [stored, captured] = [fromStore, fromFiles].map(
    ({ stdout }) => JSON.parse(stdout) as { basis: Record<string, string>; layers: unknown },
  )
  assert.equal(stored.layers, captured.layers)
  assert.is(stored.basis.identical, 'not known: a store has no texts to compare')
  const text = analyse('--corpus', out('stored'), '--layer', '3')
  assert.match(text.stdout, '"texts.json, row ')
})

test('what is stored of a hook is what capture writes of it, bit for bit, BOS left out', async () => {
  const captured = await openSafetensors(await openFile(out('captured')))
  const all = await readTensor(captured.get(hook))
  const rows = JSON.parse(captured.metadata.get('rows')!) as [number, number][]
  await captured.close()
  const expected = rows.flatMap(([from, to]) => [...all.rows(from + 1, to).data])
  const stored: number[] = []
  const names = readdirSync(out('stored/hooks')).sort()
  assert.ok(names.length > 2)
  for (const name of names) {
    const shard = await openSafetensors(await openFile(out(`stored/hooks/${name}`)))
    assert.equal(shard.names(), [hook, 'blocks.1.attn.hook_z'])
    assert.equal(shard.get('blocks.1.attn.hook_z').shape, shard.get(hook).shape)
    stored.push(...(await readTensor(shard.get(hook))).data)
    await shard.close()
  }
  checkSameNumbers(Float32Array.from(stored), Float32Array.from(expected), hook)
})

/** Imported before a script: it ends, as kill -9 would end it, when it is about to name its `nth` shard. */
const dying = (nth: number) => `
  import fs from 'node:fs/promises'
  import { syncBuiltinESMExports } from 'node:module'
  const { rename } = fs
  let left = ${nth}
  fs.rename = (from, to) => {
    if (to.includes('/shards/') && --left === 0) process.kill(process.pid, 'SIGKILL')
    return rename(from, to)
  }
  syncBuiltinESMExports()`
const importing = (code: string) => ({
  env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` },
})

test('killed before a shard has its name, it goes on to the same store', () => {
  const args = ['--texts', file, '--layers', '2,3', '--shard-tokens', '300', '--json']
  const store = ['--out', out('killed'), '--store', `features,${hook},blocks.1.attn.hook_z`]
  const script = 'experiments/tools/corpus/main.ts'
  assert.is(runScript(script, [...args, ...store], root, importing(dying(2))).status, null)
  assert.not(existsSync(out('killed/manifest.json')))
  const { status, stderr } = runScript(script, [...args, ...store], root)
  assert.is(status, 0, stderr)
  for (const kind of ['activations', 'documents', 'hooks']) {
    const names = readdirSync(out(`stored/${kind}`)).sort()
    assert.equal(readdirSync(out(`killed/${kind}`)).sort(), names)
    for (const name of names)
      assert.ok(
        readFileSync(out(`stored/${kind}/${name}`)).equals(readFileSync(out(`killed/${kind}/${name}`))),
        `${kind}/${name}`,
      )
  }
})

function refused({ status, stdout, stderr }: ReturnType<typeof runScript>, message: string): void {
  assert.is(status, 1, stderr)
  assert.is(stdout, '')
  assert.ok(isOneLine(stderr), stderr)
  const said = stderr.replaceAll(folder, 'FOLDER').trimEnd()
  assert.ok(said.startsWith(`error: ${message}`), said)
}

test('what cannot be stored is refused before the work', () => {
  refused(
    corpus('bad', '--store', 'blocks.9.hook_resid_pre'),
    '--store blocks.9.hook_resid_pre: expected features, or one of blocks.N.hook_resid_pre,',
  )
  refused(corpus('bad', '--store', 'logits'), '--store logits: expected features, or one of ')
  const full = `
    import fs from 'node:fs/promises'
    import { syncBuiltinESMExports } from 'node:module'
    fs.statfs = async () => ({ bavail: 1, bsize: 4096 })
    syncBuiltinESMExports()`
  const args = ['--texts', file, '--layers', '2', '--out', out('full'), '--store', hook, '--json']
  const ended = runScript('experiments/tools/corpus/main.ts', args, root, importing(full))
  refused(
    ended,
    'cannot write FOLDER/full/hooks/000000.safetensors: it takes 909,312 bytes, and the disk has 4,096 bytes: make room and run the same command again, or store fewer hooks',
  )
  assert.equal(readdirSync(out('full/hooks')), [])
})

test('a store that is not there, or not whole, is refused by name', () => {
  const plain = corpus('plain')
  assert.is(plain.status, 0, plain.stderr)
  refused(
    analyse('--corpus', out('plain'), '--layer', '3', '--json'),
    'FOLDER/plain: it keeps nothing of each token, not features: make a corpus with --store features',
  )
  refused(
    analyse('--corpus', out('stored'), '--layer', '4', '--json'),
    'FOLDER/stored: there is no layer 4 in it; there are 2, 3',
  )
  const copy = (name: string) => {
    cpSync(out('stored'), out(name), { recursive: true })
    return out(name)
  }
  const cut = copy('cut')
  truncateSync(join(cut, 'activations/000001.parquet'), 100)
  refused(
    analyse('--corpus', cut, '--layer', '3', '--json'),
    'FOLDER/cut/activations/000001.parquet: not a whole Parquet file (',
  )
  rmSync(join(cut, 'activations/000001.parquet'))
  refused(
    analyse('--corpus', cut, '--layer', '3', '--json'),
    'FOLDER/cut/activations/000001.parquet: there is no such file, but the corpus has ',
  )
})

test('documents without labels, or with one alone, have nothing to compare', () => {
  mkdirSync(out('unlabelled'))
  writeFileSync(out('unlabelled/a.jsonl'), '{"text": "One."}\n{"text": "Two.", "kind": "b"}\n')
  const made = (name: string, ...more: string[]) =>
    assert.is(corpus(name, '--texts', out('unlabelled'), '--layers', '2', '--store', ...more).status, 0)
  made('none')
  refused(
    analyse('--corpus', out('none'), '--layer', '2', '--json'),
    'FOLDER/none: a.jsonl, row 1 has no label, but the analysis compares the documents of labels: make the corpus from labelled texts (--label-column)',
  )
  writeFileSync(out('unlabelled/a.jsonl'), '{"text": "One.", "kind": "b"}\n')
  made('alone', '--label-column', 'kind')
  refused(
    analyse('--corpus', out('alone'), '--layer', '2', '--json'),
    'FOLDER/alone: only one category, "b": at least two are needed',
  )
})

test('analyse takes files or a corpus: anything else is wrong usage', () => {
  const wrong = (words: string, ...args: string[]) => {
    const { status, stderr } = analyse(...args)
    assert.is(status, 2)
    assert.match(stderr, words)
  }
  wrong('give --features and --labels, or --corpus and --layer', '--features', out('captured'))
  wrong('--corpus needs --layer, the layer to read', '--corpus', out('stored'))
  wrong(
    "option '--corpus <folder>' cannot be used with option '--labels <file>'",
    ...['--corpus', out('stored'), '--layer', '3', '--labels', file],
  )
})

test.run()
