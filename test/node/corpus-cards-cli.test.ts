// `--corpus` of the reports with cards: figures and examples come from a corpus of the same weights, and of no other.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Manifest } from '../../experiments/lab/analysis/corpus/corpus-format.ts'
import { isOneLine, runScript } from '../helpers/cli.ts'
import texts from '../../experiments/lab/texts/texts.json' with { type: 'json' }

const folder = mkdtempSync(join(tmpdir(), 'corpus-cards-'))
const out = (name: string) => join(folder, name)
const few = out('texts.json')
writeFileSync(few, JSON.stringify({ Python: texts.Python.slice(0, 6), Math: texts.Math.slice(0, 6) }))
const draws = ['--permutations', '20', '--resamples', '20', '--no-quality', '--texts', few]

const start = (...args: string[]) => runScript('experiments/black-box/main.ts', [...draws, ...args])

interface Results {
  provenance: { corpus?: string }
  features: {
    layer: number
    feature: number
    corpus?: { density: number; promoted: string[]; list: { activation: number; interval: number }[] }
  }[]
}

const test = suite('cards from a corpus')
test.before(() => {
  const args = ['--texts', few, '--layers', '3', '--out', out('corpus'), '--json']
  const { status, stderr } = runScript('experiments/tools/corpus/main.ts', args)
  assert.is(status, 0, stderr)
})
test.after(() => rmSync(folder, { recursive: true }))

test('npm start: the cards of a layer that the corpus has are its; of one that it lacks, that is said', () => {
  const { status, stdout, stderr } = start(
    '--layers',
    '2,3',
    '--corpus',
    out('corpus'),
    '--out',
    out('start'),
  )
  assert.is(status, 0, stderr)
  const lacks = 'it has no layer 2: cards of such a layer show only these texts'
  assert.ok(stderr.includes(`note: --corpus ${out('corpus')}: `) && stderr.includes(lacks), stderr)
  assert.match(stdout, lacks)
  const results = JSON.parse(readFileSync(out('start/results.json'), 'utf8')) as Results
  assert.match(results.provenance.corpus!, lacks)
  for (const { layer, corpus } of results.features) assert.is(corpus !== undefined, layer === 3)
  const shown = results.features.find(({ layer }) => layer === 3)!
  assert.is(shown.corpus!.promoted.length, 10)
  assert.ok(shown.corpus!.list.some(({ interval }) => interval > 0))
  const page = readFileSync(out('start/report.html'), 'utf8')
  const cardOf = (id: string) => page.slice(page.indexOf(`id="${id}"`)).split('</article>')[0]
  const card = cardOf(`L3-${shown.feature}`)
  for (const part of [
    'Over a corpus of ',
    'A sample of its firings, from strong to weak',
    'In the texts of this report',
  ])
    assert.ok(card.includes(part), part)
  const other = cardOf(`L2-${results.features.find(({ layer }) => layer === 2)!.feature}`)
  assert.not.match(other, 'Over a corpus of ')
  assert.match(page, 'of these texts alone: the corpus does not have this layer')
})

test('form-or-idea takes it, too', () => {
  const args = ['--layers', '3', '--permutations', '20', '--corpus', out('corpus'), '--out', out('form')]
  const { status, stdout, stderr } = runScript('experiments/form-or-idea/main.ts', [...args, '--json'])
  assert.is(status, 0, stderr)
  const { features, provenance } = JSON.parse(stdout) as Results
  assert.ok(features.length > 0 && features.every(({ corpus }) => corpus !== undefined))
  assert.match(provenance.corpus!, /tokens of 12 documents$/)
  assert.match(readFileSync(out('form/report.html'), 'utf8'), 'Over a corpus of ')
})

test('a corpus of other weights, or of none of the layers, is refused in a line', () => {
  const path = out('corpus/manifest.json')
  const before = readFileSync(path, 'utf8')
  const manifest = JSON.parse(before) as Manifest
  const refused = (changed: Partial<Manifest>, layers: string, message: string) => {
    writeFileSync(path, JSON.stringify({ ...manifest, ...changed }))
    const args = ['--layers', layers, '--corpus', out('corpus'), '--out', out('refused'), '--json']
    const { status, stdout, stderr } = start(...args)
    assert.is(status, 1)
    assert.is(stdout, '')
    assert.ok(isOneLine(stderr), stderr)
    assert.is(stderr.replaceAll(folder, 'FOLDER').trimEnd(), `error: --corpus FOLDER/corpus: ${message}`)
  }
  const other = 'f'.repeat(64)
  const [layer] = manifest.layers
  const short = (sha256: string) => sha256.slice(0, 12)
  refused(
    { model: 'other', model_sha256: other },
    '3',
    `it was made with the model other, weights ffffffffffff, not with tiny, weights ${short(manifest.model_sha256)}: name that model with --model, or make the corpus again with this one`,
  )
  refused(
    { layers: [{ ...layer, sha256: other }] },
    '3',
    `its SAE of blocks.3.hook_resid_pre has the weights ffffffffffff, this one ${short(layer.sha256)}: name that SAE with --saes, or make the corpus again with this one`,
  )
  refused(
    {},
    '2',
    'it has no blocks.2.hook_resid_pre; it has blocks.3.hook_resid_pre: make it with npm run corpus',
  )
  writeFileSync(path, before)
  assert.is(start('--layers', '3', '--corpus', out('corpus'), '--json', '--out', out('again')).status, 0)
})

test.run()
