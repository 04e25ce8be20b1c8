import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ALL } from '../../experiments/explorer/library-query.ts'
import type { Request, TextRun } from '../../experiments/explorer/protocol.ts'
import { mostTokens } from '../../experiments/explorer/worker/tokens.ts'
import { gpt2Small } from '../../gpt2/config.ts'
import { startSession } from '../helpers/explorer.ts'
import { asDropped, tinyFolder, type FilesByPath } from '../helpers/model-folder.ts'

const test = suite('explorer: a model of one’s own, from a folder')

const TEXT = 'def area(r): return 3.14'

/** A session that has opened this folder; or, without one, the bundled model. */
async function opened(files?: FilesByPath, name = 'mine') {
  const session = startSession()
  const folder = files && asDropped(name, files)
  await session.ask({ type: 'open', backend: { name: 'wasm', threads: 1 }, folder })
  const { ask, of } = session
  return {
    ...session,
    failure: of('failed').at(0)?.failure,
    opened: of('opened').at(0)?.opened,
    async run(text: string, more: Partial<Request & { type: 'run' }> = {}): Promise<TextRun> {
      await ask({ type: 'run', id: 1, text, edit: [], ...more })
      assert.equal(of('failed'), [])
      return of('run').at(-1)!.run
    },
  }
}

/** A run without its times. */
const numbers = ({ ms: _, layers, ...run }: TextRun) => ({
  ...run,
  layers: layers.map(({ ms: _, ...layer }) => layer),
})

const changed = (edit: (files: FilesByPath) => void): FilesByPath => {
  const files = tinyFolder()
  edit(files)
  return files
}

const editJson = (path: string, more: object) => (files: FilesByPath) => {
  const said = JSON.parse(Buffer.from(files.get(path) as Uint8Array).toString()) as object
  files.set(path, JSON.stringify({ ...said, ...more }))
}

/** Leaves only these layers' SAEs. */
const keepSaes = (layers: readonly number[]) => (files: FilesByPath) => {
  for (const path of [...files.keys()])
    if (path.startsWith('sae/') && !layers.some((layer) => path.startsWith(`sae/blocks.${layer}.`)))
      files.delete(path)
}

test('the bundled model’s own folder gives its numbers, bit for bit, and the same card, but for the corpus', async () => {
  const [own, bundled] = [await opened(tinyFolder()), await opened()]
  assert.is(own.opened?.model, 'mine')
  assert.equal([own.opened?.bundled, bundled.opened?.bundled], [false, true])
  assert.equal(numbers(await own.run(TEXT)), numbers(await bundled.run(TEXT)))
  const progress = own.of('progress').filter(({ label }) => label === 'reading mine')
  assert.ok(progress.length > 50 && progress.every(({ done, total }) => done < total))
  const card = { type: 'card', id: 2, layer: 3, feature: 100 } as const
  for (const { ask } of [own, bundled]) await ask(card)
  const [ownCard, bundledCard] = [own, bundled].map(({ of }) => of('card')[0].card)
  assert.equal(
    { ...ownCard, dashboard: { ...ownCard.dashboard, neuronpedia: null } },
    { ...bundledCard, dashboard: { ...bundledCard.dashboard, neuronpedia: null }, inCorpus: null },
  )
  // what was counted with the bundled SAEs says nothing of a folder's
  assert.ok(bundledCard.inCorpus !== null && bundled.opened?.corpus !== undefined)
  assert.is(own.opened?.corpus, undefined)
  const query = { ...ALL, words: 'import' }
  await own.ask({ type: 'library', id: 3, query })
  assert.is(own.of('failed')[0].failure.message, 'No corpus was read with these SAEs.')
  assert.ok(
    own.of('progress').some(({ label, done }) => label === 'reading the bundled texts' && done === 140),
  )
})

test('where layers have no SAE, or one elsewhere in the block, features are those that there are', async () => {
  const files = changed((files) => {
    keepSaes([2, 4])(files)
    editJson('sae/blocks.4.hook_resid_pre/cfg.json', { hook_name: 'blocks.3.hook_resid_post' })(files)
  })
  const own = await opened(files)
  assert.equal(
    own.opened?.saes.map(({ hook, dSae }) => [hook, dSae]),
    [
      ['', 0],
      ['', 0],
      ['blocks.2.hook_resid_pre', 1024],
      ['blocks.3.hook_resid_post', 1024],
      ['', 0],
      ['', 0],
    ],
  )
  const run = await own.run(TEXT)
  const bundled = await (await opened()).run(TEXT)
  // the stream after block 3 is that before block 4
  assert.equal(run.layers[3].features.values, bundled.layers[4].features.values)
  assert.equal(run.layers[0].features.values.length, 0)
  assert.is(run.layers[0].features.offsets.length, run.tokens.length + 1)
  for (const { ms } of run.layers) for (const part of Object.values(ms)) assert.ok(part >= 0)
  const { indices } = run.layers[3].features
  const edit = [{ kind: 'off', layer: 3, feature: indices[0] }] as const
  const edited = await own.run(TEXT, { edit })
  assert.ok(edited.edited!.kl.some((kl) => kl > 0))
  await own.ask({ type: 'card', id: 3, layer: 0, feature: 1 })
  const { failure } = own.of('failed')[0]
  assert.is(
    `${failure.message} ${failure.advice}`,
    'There is no SAE at layer 0. There are SAEs at these layers: 2, 3.',
  )
})

test('SAEs in files of torch’s are not passed over in silence', async () => {
  const own = await opened(changed((files) => (keepSaes([])(files), files.set('L5.pt', 'x'))))
  assert.match(
    own.opened!.notes.join(' '),
    /mine\/L5\.pt is a file of torch’s.*npm run save-sae -- --saes FILE/,
  )
  const some = await opened(changed((files) => files.set('L5.pt', 'x')))
  assert.equal(
    some.opened?.notes,
    own.opened!.notes.filter((note) => !note.includes('L5.pt')),
  )
})

test('without any SAE the rest is there', async () => {
  const own = await opened(changed(keepSaes([])))
  assert.is(own.opened?.basis, 'no SAEs, and so no features')
  const run = await own.run(TEXT)
  assert.equal(run.next, (await (await opened()).run(TEXT)).next)
})

test('of two SAEs of a layer the first is shown, and the page says which is not', async () => {
  const own = await opened(
    changed(editJson('sae/blocks.3.hook_resid_pre/cfg.json', { hook_name: 'blocks.2.hook_mlp_out' })),
  )
  assert.is(own.opened?.saes[2].hook, 'blocks.2.hook_resid_pre')
  assert.match(own.opened!.notes.join(), /it leaves out those of blocks\.2\.hook_mlp_out\./)
})

test('BOS is what the folder’s tokenizer says, and the page says so', async () => {
  const own = await opened(changed(editJson('config.json', { bos_token_id: 7 })))
  assert.match(own.opened!.notes.join(), /bos_token_id is 7, BOS is the tokenizer's <\|endoftext\|>, 4096\./)
  assert.is((await own.run('a')).tokens[0].id, 4096)
})

const refused: Readonly<Record<string, [edit: (files: FilesByPath) => void, said: RegExp]>> = {
  'no config.json': [
    (files) => {
      keepSaes([])(files)
      files.delete('config.json')
    },
    /^mine has no config\.json: choose the folder of a GPT-2 .* with config\.json, model\.safetensors/,
  ],
  'SAEs alone': [
    (files) => files.delete('config.json'),
    /^mine holds SAEs and no model: drop the model’s folder/,
  ],
  'two models': [
    (files) => {
      files.delete('config.json')
      files.set('a/config.json', '{}').set('b/config.json', '{}')
    },
    /^mine holds more than one model: mine\/a and mine\/b; choose one/,
  ],
  'no weights': [
    (files) => files.delete('model.safetensors'),
    /^mine has config\.json and no weights: expected model\.safetensors/,
  ],
  'weights of torch': [
    (files) => void (files.delete('model.safetensors'), files.set('pytorch_model.bin', 'x')),
    /^mine has its weights in pytorch_model\.bin, a file of torch’s.*expected model\.safetensors\. Load the folder with transformers/,
  ],
  'another kind of model': [
    editJson('config.json', { model_type: 'llama' }),
    /^mine\/config\.json: model_type is "llama", expected "gpt2"/,
  ],
  'weights of other sizes': [
    editJson('config.json', { n_embd: 64 }),
    /blocks\.0\.hook_resid_pre\/cfg\.json: the SAE reads a stream of width 128, but mine's is 64 wide/,
  ],
  'a pointer in place of the weights': [
    (files) => files.set('model.safetensors', 'version https://git-lfs.github.com/spec/v1\n'),
    /^mine\/model\.safetensors: expected weights, found a Git LFS pointer/,
  ],
  'weights cut short': [
    (files) =>
      files.set(
        'model.safetensors',
        (files.get('model.safetensors') as Uint8Array<ArrayBuffer>).slice(0, 90_000),
      ),
    /^mine\/model\.safetensors: /,
  ],
  'no tokenizer': [
    (files) => files.delete('tokenizer_config.json'),
    /^mine: there is no tokenizer\.json, nor vocab\.json with merges\.txt/,
  ],
  'an SAE without weights': [
    (files) => files.delete('sae/blocks.3.hook_resid_pre/sae_weights.safetensors'),
    /blocks\.3\.hook_resid_pre\/cfg\.json has no weights beside it: expected .*sae_weights\.safetensors\. .*npm run save-sae/,
  ],
  'two SAEs of one hook': [
    editJson('sae/blocks.3.hook_resid_pre/cfg.json', { hook_name: 'blocks.2.hook_resid_pre' }),
    /are both of blocks\.2\.hook_resid_pre; keep one/,
  ],
  'a setting of an SAE that is not known': [
    editJson('sae/blocks.3.hook_resid_pre/cfg.json', { architecture: 'odd' }),
    /blocks\.3\.hook_resid_pre\/cfg\.json: architecture is "odd"/,
  ],
}

for (const [name, [edit, said]] of Object.entries(refused))
  test(`refused, with a sentence: ${name}`, async () => {
    const { failure } = await opened(changed(edit))
    assert.is(failure?.kind, 'folder')
    assert.match(failure!.message, said)
    assert.match(failure!.advice, /Choose another folder, or go back to the bundled model/)
  })

test('a file that an index names and that is not there is named', async () => {
  const files = changed((files) => {
    files.delete('model.safetensors')
    const index = { weight_map: { 'wte.weight': 'gone.safetensors' } }
    files.set('model.safetensors.index.json', JSON.stringify(index))
  })
  assert.match((await opened(files)).failure!.message, /names gone\.safetensors, which is not there/)
})

test('a text with a byte that a vocabulary of one’s own has no token for is a fault of the text', async () => {
  const files = changed((files) => {
    files.set('vocab.json', JSON.stringify({ a: 0, b: 1, '<|endoftext|>': 2 }))
    files.set('merges.txt', '#version: 0.2\n')
    files.delete('tokenizer_config.json')
  })
  const { ask, of } = await opened(files)
  await ask({ type: 'run', id: 1, text: 'abc', edit: [] })
  const { failure } = of('failed')[0]
  assert.is(failure.kind, 'text')
  assert.match(failure.message, /this vocabulary has no token for c, a byte of the text/)
})

test('the page holds at most 256 MB of attention: of GPT-2 small 681 tokens, of the bundled model all', () => {
  assert.is(mostTokens(gpt2Small), 681)
  assert.is(mostTokens({ nCtx: 256, nLayers: 6, nHeads: 4 } as typeof gpt2Small), 255)
})

test.run()
