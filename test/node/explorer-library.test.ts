import { readdir } from 'node:fs/promises'
import { mkdtemp, readFile, rm, writeFile, cp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { collectFiles } from '../../experiments/explorer/build/files.ts'
import { CHUNK, shownInCorpus, type LayerIndex } from '../../experiments/explorer/corpus-shape.ts'
import { unzipJson } from '../../experiments/explorer/gzip.ts'
import { ALL, PAGE, readQuery } from '../../experiments/explorer/library-query.ts'
import { searchable, searchLibrary } from '../../experiments/explorer/library-search.ts'
import { openCorpus } from '../../experiments/lab/analysis/corpus/corpus-node.ts'
import { corpusPart } from '../../experiments/lab/report/corpus-part.ts'
import { renderToString } from 'preact-render-to-string'
import { carried, startSession } from '../helpers/explorer.ts'

const KEPT = join(import.meta.dirname, '../../results/explorer-corpus')
const [name] = (await readdir(KEPT)).filter((one) => !one.endsWith('.partial'))
const corpus = await openCorpus(join(KEPT, name))
const open = { type: 'open', backend: { name: 'wasm' } } as const

const search = suite('explorer library: search')

const INDEX: LayerIndex = {
  density: [0.5, 0, 0.01, 0.2],
  max: [3, 0, 9, 4],
  fires: [[' the', 'The'], [], [' import', ' the'], ['other', 'then']],
  promoted: [[' a'], [' the'], ['numpy', ' panda'], ['x']],
}
const toy = new Map([
  [0, searchable(INDEX)],
  [1, searchable({ ...INDEX, fires: [[], [], [], []] })],
])
const found = (query: Partial<typeof ALL>) =>
  searchLibrary(toy, { ...ALL, ...query }, null).rows.map(({ layer, feature }) => `${layer}.${feature}`)

search('whole tokens come before parts of tokens, the first tokens of a feature before its last', () => {
  assert.equal(found({ words: 'the' }), ['0.0', '0.2', '0.3'])
  assert.equal(found({ words: ' THE' }), ['0.0', '0.2'])
  assert.equal(found({ words: 'the', by: 'promotes' }), ['0.1', '1.1'])
  assert.equal(found({ words: 'nothing' }), [])
})

search('without words all features are listed; every order, those that fire nowhere last', () => {
  assert.equal(found({}), ['0.0', '0.1', '0.2', '0.3', '1.0', '1.1', '1.2', '1.3'])
  assert.equal(found({ order: 'frequent' }).slice(0, 4), ['0.0', '1.0', '0.3', '1.3'])
  assert.equal(found({ order: 'rare' }), ['0.2', '1.2', '0.3', '1.3', '0.0', '1.0', '0.1', '1.1'])
  assert.equal(found({ order: 'strong' }).slice(0, 3), ['0.2', '1.2', '0.3'])
})

search('a token that spans two of a feature’s tokens is none', () => {
  const index = { ...INDEX, fires: [['ab', 'cd'], [], [], []] }
  assert.is(searchLibrary(new Map([[0, searchable(index)]]), { ...ALL, words: 'b\nc' }, null).total, 0)
})

search('a page past the last is the last', () => {
  const many = Array.from({ length: 45 }, () => 0.1)
  const index = { density: many, max: many, fires: many.map(() => ['x']), promoted: many.map(() => ['y']) }
  const { total, first, rows } = searchLibrary(new Map([[0, searchable(index)]]), { ...ALL, page: 99 }, null)
  assert.equal([total, first, rows.length], [45, 2 * PAGE, 5])
})

search('what is no query is not read', () => {
  for (const written of ['', 'all-fires-best-0', 'x-fires-best-0-', 'all-eats-best-0-', 'all-fires-worst-0-'])
    assert.is(readQuery(written), undefined, written)
})

search.run()

const files = suite('explorer library: files')

files('a card says what npm run feature -- --corpus says: the same numbers and examples', async () => {
  const { ask, of } = startSession()
  await ask(open)
  const wanted = [
    [0, 12],
    [3, 928],
    [5, 1023],
    [2, CHUNK],
  ] as const
  for (const [id, [layer, feature]] of wanted.entries()) await ask({ type: 'card', id, layer, feature })
  assert.equal(of('failed'), [])
  for (const [i, [layer, feature]] of wanted.entries()) {
    const { inCorpus } = of('card')[i].card
    const [truth] = await corpus.features(layer, feature, feature + 1)
    const { row, promoted } = inCorpus!.card
    assert.equal(
      [row.firings, row.density, row.mean],
      [Number(truth.row.firings), truth.row.density, truth.row.mean],
    )
    assert.equal(
      promoted.map(({ token, logit }) => [token, Math.fround(logit)]),
      truth.row.promoted.map((token, i) => [token, truth.row.promoted_logits[i]]),
    )
    const html = (feature: Parameters<typeof corpusPart>[0]): string => renderToString(corpusPart(feature, 5))
    const shown = shownInCorpus(inCorpus!.card, inCorpus!.facts)
    assert.is(html(shown), html({ ...truth, manifest: corpus.manifest }))
    assert.equal(inCorpus!.facts, { tokens: 4020, documents: 140, bundled: true })
  }
})

files('the index has every feature of every layer', async () => {
  for (const [layer, { index, cards }] of carried.files.corpus!.layers.entries()) {
    const content = new Uint8Array(carried.contents.get(index.path)!)
    const { density, max, fires } = await unzipJson<LayerIndex>(content)
    assert.is(density.length, 1024)
    assert.is(cards.length, 1024 / CHUNK)
    const all = await corpus.features(layer, 0, 1024)
    for (const [feature, { row }] of all.entries()) {
      assert.is(Math.fround(max[feature]), row.max ?? 0)
      if (row.token !== null && row.token !== '') assert.is(fires[feature][0], row.token)
    }
  }
})

files('a corpus that is named is taken; one of other weights, or unfinished, is refused', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'clearbox-explorer-corpus-'))
  try {
    await cp(join(KEPT, name), folder, { recursive: true })
    const { files } = await collectFiles({ corpus: folder })
    assert.is(files.corpus!.facts.bundled, false)
    const path = join(folder, 'manifest.json')
    const manifest = await readFile(path, 'utf8')
    const refused = async (changed: string, pattern: RegExp) => {
      await writeFile(path, changed)
      const error = await collectFiles({ corpus: folder }).catch((error: Error) => error)
      assert.instance(error, Error)
      assert.is((error as Error).name, 'UserError')
      assert.match((error as Error).message, pattern)
    }
    const { model_sha256, layers } = corpus.manifest
    await refused(
      manifest.replace(model_sha256, '0'.repeat(64)),
      /made with the model tiny, weights 0{12}, not with tiny, weights [0-9a-f]{12}: name that model with --model, or make the corpus again/,
    )
    await refused(
      manifest.replace(layers[3].sha256, '0'.repeat(64)),
      /its SAE of blocks\.3\.hook_resid_pre has the weights 0{12}, this one [0-9a-f]{12}/,
    )
    await refused(
      manifest.replaceAll('blocks.5.hook', 'blocks.9.hook'),
      /it has no layer 5, and the page shows all that have an SAE/,
    )
    await rm(path)
    const gone = await collectFiles({ corpus: folder }).catch((error: Error) => error)
    assert.match((gone as Error).message, /manifest\.json is missing: name a folder that npm run corpus/)
  } finally {
    await rm(folder, { recursive: true })
  }
})

files.run()

const session = suite('explorer library: session')

session('a text’s features come strongest first, each with the token on which it fires most', async () => {
  const { ask, of } = startSession()
  await ask(open)
  const text = 'def area(r):\n    return 3.14 * r'
  await ask({ type: 'run', id: 1, text, edit: [] })
  await ask({ type: 'library', id: 2, query: { ...ALL, layer: 4, by: 'text', words: text } })
  const [{ run }] = of('run')
  const { offsets, indices, values } = run.layers[4].features
  const most = new Map<number, [activation: number, token: number]>()
  for (let token = 1; token < run.tokens.length; token++)
    for (let i = offsets[token]; i < offsets[token + 1]; i++)
      if (values[i] > (most.get(indices[i])?.[0] ?? 0)) most.set(indices[i], [values[i], token])
  const expected = [...most].sort(([a, [x]], [b, [y]]) => y - x || a - b)
  const [{ found }] = of('library')
  assert.is(found.total, expected.length)
  assert.equal(
    found.rows.map(({ feature, inText }) => [feature, inText]),
    expected
      .slice(0, PAGE)
      .map(([feature, [activation, token]]) => [feature, { activation, token: run.tokens[token].shown }]),
  )
})

session('a newer search replaces one that waits', async () => {
  const { ask, of } = startSession()
  await ask(open)
  await Promise.all([1, 2, 3].map((id) => ask({ type: 'library', id, query: { ...ALL, words: 'import' } })))
  assert.equal(
    of('library').map(({ id }) => id),
    [3],
  )
})

session(
  'what cannot be searched is said, with what there is; a file that was missing is read once it is there',
  async () => {
    const { ask, of, folder } = startSession()
    await ask(open)
    await ask({ type: 'library', id: 1, query: { ...ALL, layer: 6 } })
    await ask({ type: 'library', id: 2, query: { ...ALL, layer: 1, by: 'text', words: ' a'.repeat(300) } })
    const { path } = carried.files.corpus!.layers[2].index
    folder.delete(path)
    await ask({ type: 'library', id: 3, query: { ...ALL, layer: 2 } })
    assert.equal(
      of('failed').map(({ id, failure }) => [id, failure.message]),
      [
        [1, 'There is no layer 6.'],
        [2, 'The text has 300 tokens; the model reads at most 255.'],
        [3, `${path}: the server answered 404 instead of the file.`],
      ],
    )
    folder.set(path, carried.contents.get(path)!)
    await ask({ type: 'library', id: 4, query: { ...ALL, layer: 2 } })
    assert.is(of('library')[0].found.total, 1024)
  },
)

session.run()
