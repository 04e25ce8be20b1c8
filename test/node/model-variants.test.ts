// Model folders as people have them: variants of GPT-2 and layouts of weights, held to transformers' logits.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBackend } from '../../engine/backends.ts'
import { encodeSafetensors, openSafetensors } from '../../engine/weights/safetensors.ts'
import { memorySource } from '../../engine/weights/bytes.ts'
import { readTensor } from '../../engine/weights/weights.ts'
import { Tensor } from '../../engine/tensor.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import { capture } from '../../gpt2/model.ts'
import { runScript } from '../helpers/cli.ts'

const FIXTURE = join(import.meta.dirname, '../reference/model-variants')
const { ids, logits } = JSON.parse(readFileSync(join(FIXTURE, 'expected.json'), 'utf8')) as {
  ids: number[]
  logits: Record<string, number[]>
}
const scratch = mkdtempSync(join(tmpdir(), 'variants-'))
const backends = [await createBackend('reference'), await createBackend('wasm')]
const [reference] = backends

const test = suite('model variants')
test.after(async () => {
  for (const ops of backends) await ops.dispose()
  rmSync(scratch, { recursive: true })
})

async function logitsOf(folder: string, hooks: string[] = [], ops = reference): Promise<Float32Array> {
  const { gpt2 } = await openModel(folder, ops, { quiet: true })
  return (await capture(gpt2, [ids], ['logits', ...hooks])).get('logits')!.data
}

const worst = (found: Float32Array, expected: readonly number[]): number =>
  Math.max(...expected.map((value, i) => Math.abs(value - found[i])))

for (const [name, expected] of Object.entries(logits))
  test(`${name}: transformers' logits`, async () => {
    for (const ops of backends)
      // with the hooks, each step is an op of its own
      for (const hooks of [[], ['blocks.0.mlp.hook_pre', 'blocks.1.attn.hook_pattern']]) {
        const found = await logitsOf(join(FIXTURE, name), hooks, ops)
        assert.ok(worst(found, expected) < 5e-5, `${ops.name}: ${worst(found, expected)}`)
      }
  })

test('the variants differ: each setting decides the logits', async () => {
  const changes: [string, string, unknown][] = [
    ['gelu', 'activation_function', 'gelu_new'],
    ['relu', 'activation_function', 'gelu_new'],
    ['scaled-by-layer', 'scale_attn_by_inverse_layer_idx', false],
    ['not-scaled', 'scale_attn_weights', true],
  ]
  for (const [name, field, value] of changes) {
    const found = await logitsOf(changed(name, (json) => (json[field] = value)))
    assert.ok(worst(found, logits[name]) > 1e-3, `${name}: ${worst(found, logits[name])}`)
  }
})

/** A fixture's copy with another config.json. */
function changed(name: string, edit: (json: Record<string, unknown>) => void): string {
  const folder = mkdtempSync(join(scratch, 'm-'))
  cpSync(join(FIXTURE, name), folder, { recursive: true })
  const json = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as Record<string, unknown>
  edit(json)
  writeFileSync(join(folder, 'config.json'), JSON.stringify(json))
  return folder
}

const run = (folder: string) =>
  runScript('experiments/tools/capture/main.ts', [
    ...['--model', folder, '--backend', 'reference', '--ids', '1,2', '--hooks', 'logits'],
    ...['--out', join(scratch, 'out.safetensors')],
  ])

test('what is not as the config has it is said', () => {
  assert.match(
    run(join(FIXTURE, 'untied-silently')).stderr,
    /lm_head\.weight is another matrix than wte\.weight, whatever config\.json says/,
  )
  assert.match(run(join(FIXTURE, 'doubles')).stderr, /28 tensors are F64; they are rounded to float32/)
  assert.is(run(join(FIXTURE, 'gelu')).stderr.match(/tensors are F64|lm_head/), null)
})

test('a vocabulary of its own without a tokenizer, BOS out of range: runs by ids, and a text is refused', () => {
  const folder = changed('gelu', (json) => (json.bos_token_id = 50256))
  const { status, stdout } = run(folder)
  assert.is(status, 0)
  assert.match(stdout, /tokens +"⟨id 1⟩" "⟨id 2⟩"/)
  const args = [
    '--model',
    folder,
    '--backend',
    'reference',
    '--text',
    'a',
    '--hooks',
    'logits',
    '--out',
    join(scratch, 'o'),
  ]
  const refused = runScript('experiments/tools/capture/main.ts', args)
  assert.is(refused.status, 1)
  assert.match(
    refused.stderr,
    /there is no tokenizer\.json, .*a vocabulary of 11 is not GPT-2's 50257: .* give --ids\n$/,
  )
})

test('tied in the file though the config says not: the same matrix twice is used once', async () => {
  const folder = changed('gelu', (json) => (json.tie_word_embeddings = false))
  await fails(
    folder,
    /missing the tensor lm_head\.weight, which tie_word_embeddings false in config\.json asks for/,
  )
  await rewrite(join(folder, 'model.safetensors'), (all) =>
    all.set('lm_head.weight', all.get('transformer.wte.weight')!),
  )
  const { gpt2 } = await openModel(folder, reference, { quiet: true })
  assert.is(gpt2.weights.lm_head, gpt2.weights.wte)
  await rewrite(join(folder, 'model.safetensors'), (all) => {
    const head = all.get('lm_head.weight')!
    const data = head.data.slice()
    data[data.length - 1] += 1
    all.set('lm_head.weight', new Tensor(head.shape, data))
  })
  const other = await openModel(folder, reference, { quiet: true })
  assert.is.not(other.gpt2.weights.lm_head, other.gpt2.weights.wte)
})

async function rewrite(path: string, edit: (all: Map<string, Tensor>) => void): Promise<void> {
  const store = await openSafetensors(memorySource(path, readFileSync(path)))
  const all = new Map<string, Tensor>()
  for (const name of store.names()) all.set(name, await readTensor(store.get(name)))
  edit(all)
  writeFileSync(path, encodeSafetensors(all))
}

async function fails(folder: string, message: RegExp): Promise<void> {
  const error = await openModel(folder, reference, { quiet: true }).then(
    () => undefined,
    (error: unknown) => error as Error,
  )
  assert.match(error?.message ?? 'no error', message)
}

const [FIRST, SECOND] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']
const INDEX = 'model.safetensors.index.json'
const editIndex = (folder: string, edit: (map: Record<string, unknown>) => void): void => {
  const json = JSON.parse(readFileSync(join(folder, INDEX), 'utf8')) as {
    weight_map: Record<string, unknown>
  }
  edit(json.weight_map)
  writeFileSync(join(folder, INDEX), JSON.stringify(json))
}
const wpe = 'transformer.wpe.weight'
const shardFaults: [what: string, change: (folder: string) => void | Promise<void>, message: RegExp][] = [
  [
    'a shard that is missing',
    (folder) => rmSync(join(folder, SECOND)),
    /index\.json: names model-00002-of-00002\.safetensors, which is not there: fetch all files/,
  ],
  [
    'a tensor in two shards',
    (folder) => rewrite(join(folder, SECOND), (all) => all.set(tensorOfFirst(folder), [...all.values()][0])),
    /tensor "transformer\.[\w.]+" is in model-00001-of-00002\.safetensors and in model-00002-of-00002\.safetensors: one of/,
  ],
  [
    'an index that names a tensor that is not there',
    (folder) => editIndex(folder, (map) => (map['h.9.x'] = FIRST)),
    /says that tensor "h\.9\.x" is in model-00001-of-00002\.safetensors, which does not hold it: fetch/,
  ],
  [
    'a tensor that the index does not name',
    (folder) => editIndex(folder, (map) => delete map[wpe]),
    /holds tensor "transformer\.wpe\.weight", which the index does not name/,
  ],
  [
    'an index that has a tensor elsewhere',
    (folder) => editIndex(folder, (map) => (map[wpe] = map[wpe] === FIRST ? SECOND : FIRST)),
    /holds tensor "transformer\.wpe\.weight", which the index says is in/,
  ],
  [
    'an index that leads out of its folder',
    (folder) => editIndex(folder, (map) => (map[wpe] = '../x')),
    /"transformer\.wpe\.weight" is in "\.\.\/x", expected the name of a file beside/,
  ],
]
function tensorOfFirst(folder: string): string {
  const json = JSON.parse(readFileSync(join(folder, INDEX), 'utf8')) as { weight_map: Record<string, string> }
  return Object.entries(json.weight_map).find(([, file]) => file === FIRST)![0]
}
for (const [what, change, message] of shardFaults)
  test(`${what} is an error that names file, tensor and remedy`, async () => {
    const folder = changed('sharded', () => {})
    await change(folder)
    await fails(folder, message)
  })

test('safetensors are taken before a .bin, as in transformers', async () => {
  const folder = changed('bin', () => {})
  renameSync(join(folder, 'pytorch_model.bin'), join(folder, 'other.bin'))
  await fails(folder, /model\.safetensors/)
  cpSync(join(FIXTURE, 'gelu/model.safetensors'), join(folder, 'model.safetensors'))
  writeFileSync(join(folder, 'pytorch_model.bin'), 'nothing')
  assert.ok(existsSync(join(folder, 'model.safetensors')))
  await logitsOf(folder)
})

test.run()
