// Models in folders: what a wrong file is called. Each folder is the bundled model with one thing changed.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { createBackend } from '../../engine/backends.ts'
import { openFile } from '../../engine/weights/files-node.ts'
import { encodeSafetensors, openSafetensors } from '../../engine/weights/safetensors.ts'
import { Tensor } from '../../engine/tensor.ts'
import { readTensor } from '../../engine/weights/weights.ts'
import { checkFits, float32Bytes } from '../../experiments/lab/models/fits.ts'
import { memoryLimit } from '../../experiments/lab/models/memory-limit.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import { capture } from '../../gpt2/model.ts'
import { weightShapes } from '../../gpt2/weights.ts'
import { refusal } from '../helpers/refusal.ts'

const bundled = (path: string) => join(import.meta.dirname, '../..', path)
const folder = mkdtempSync(join(tmpdir(), 'model-'))
const hook = 'blocks.3.hook_resid_pre'
const files = {
  config: 'config.json',
  model: 'model.safetensors',
  cfg: `sae/${hook}/cfg.json`,
  sae: `sae/${hook}/sae_weights.safetensors`,
}

/** The bundled model with one SAE, in a folder of its own, after `change`. */
async function changed(change: (path: string) => void | Promise<void>): Promise<string> {
  const path = mkdtempSync(join(folder, 'm-'))
  cpSync(bundled('gpt2/tiny'), path, { recursive: true })
  cpSync(bundled(`sae/tiny/${hook}`), join(path, 'sae', hook), { recursive: true })
  await change(path)
  return path
}

const settings = (file: string, fields: object) => (path: string) => {
  const all = JSON.parse(readFileSync(join(path, file), 'utf8')) as object
  writeFileSync(join(path, file), JSON.stringify({ ...all, ...fields }))
}

/** Rewrites a safetensors file with other tensors. */
const tensors = (file: string, edit: (all: Map<string, Tensor>) => void) => async (path: string) => {
  const store = await openSafetensors(await openFile(join(path, file)))
  const all = new Map<string, Tensor>()
  for (const name of store.names()) all.set(name, await readTensor(store.get(name)))
  await store.close()
  edit(all)
  writeFileSync(join(path, file), encodeSafetensors(all))
}

const ops = await createBackend('reference')
const models = suite('model folders')
models.after(async () => {
  await ops.dispose()
  rmSync(folder, { recursive: true })
})

/** Opens a model and its SAE. */
async function open(path: string) {
  const model = await openModel(path, ops, { quiet: true })
  await model.openSae(hook)
  return model
}

models('names with the prefix transformer. and mask buffers give the same logits', async () => {
  const path = await changed(
    tensors(files.model, (all) => {
      for (const [name, tensor] of [...all]) {
        all.delete(name)
        all.set(`transformer.${name}`, tensor)
      }
      all.set('transformer.h.0.attn.bias', Tensor.of([2], [1, 1]))
      all.set('transformer.h.0.attn.masked_bias', Tensor.of([], [-1e4]))
    }),
  )
  const logits = async (name: string) =>
    (await capture((await open(name)).gpt2, [[4096, 70]], ['logits'])).get('logits')!
  assert.equal((await logits(path)).data, (await logits('tiny')).data)
})

type Fault = [what: string, change: (path: string) => void | Promise<void>, message: RegExp]
const faults: Fault[] = [
  ['no config.json', (path) => rmSync(join(path, files.config)), /config\.json: there is no such file/],
  [
    'a broken config.json',
    (path) => writeFileSync(join(path, files.config), '{'),
    /config\.json: not valid JSON/,
  ],
  [
    'another activation',
    settings(files.config, { activation_function: 'silu' }),
    /activation_function is "silu", expected "gelu_new"/,
  ],
  [
    'another number of layers',
    settings(files.config, { n_layer: 7 }),
    /model\.safetensors: missing h\.6\.ln_1\.weight, /,
  ],
  ['no weights', (path) => rmSync(join(path, files.model)), /model\.safetensors/],
  [
    'a truncated file',
    (path) => truncateSync(join(path, files.model), 100_000),
    /model\.safetensors: short file: .* was the download cut off\?/,
  ],
  [
    'a missing tensor',
    tensors(files.model, (all) => all.delete('h.2.mlp.c_fc.bias')),
    /missing the tensor h\.2\.mlp\.c_fc\.bias/,
  ],
  [
    'a tensor too many',
    tensors(files.model, (all) => all.set('h.9.x', Tensor.of([1], [0]))),
    /holds the tensor h\.9\.x, which this model does not have/,
  ],
  [
    'a NaN',
    tensors(files.model, (all) => (all.get('ln_f.weight')!.data[5] = NaN)),
    /ln_f\.weight holds NaN at element 5/,
  ],
  ['an SAE of another width', settings(files.cfg, { d_in: 64 }), /width 64, but .* 128 wide/],
  [
    'an SAE of another size',
    settings(files.cfg, { d_sae: 512 }),
    /W_enc is \[128, 1024\], .* need \[128, 512\]/,
  ],
  [
    'a crosscoder',
    settings(files.cfg, { architecture: 'crosscoder' }),
    /cfg\.json: architecture is "crosscoder", expected "standard" or /,
  ],
  [
    'an SAE of whitened inputs',
    settings(files.cfg, { normalize_activations: 'covariance_whitening' }),
    /normalize_activations is "covariance_whitening", expected "none" or /,
  ],
  ['an SAE without a hook', settings(files.cfg, { hook_name: undefined }), /cfg\.json: hook_name is missing/],
  [
    'an SAE of mlp.hook_post',
    settings(files.cfg, { hook_name: 'blocks.3.mlp.hook_post' }),
    /cfg\.json: hook_name is "blocks\.3\.mlp\.hook_post", expected one of blocks\.N\.hook_resid_pre, /,
  ],
  [
    'an SAE of a block that is not there',
    settings(files.cfg, { hook_name: 'blocks.6.hook_mlp_out' }),
    /the SAE is of block 6, but .* has blocks 0\.\.5/,
  ],
  [
    'an SAE of a head that is not there',
    settings(files.cfg, { hook_name: 'blocks.3.attn.hook_z', hook_head_index: 9 }),
    /the SAE is of head 9, 128 wide, but .* has heads 0\.\.3, 32 wide/,
  ],
  [
    'a transcoder to another width',
    settings(files.cfg, {
      ...{ architecture: 'transcoder', apply_b_dec_to_input: false, d_out: 64 },
      hook_name: 'blocks.3.ln2.hook_normalized',
      hook_name_out: 'blocks.3.hook_mlp_out',
    }),
    /the SAE rebuilds 64 numbers, but blocks\.3\.hook_mlp_out of .* is 128 wide/,
  ],
  [
    'two SAEs of one hook',
    (path) => cpSync(join(path, 'sae', hook), join(path, 'sae/second'), { recursive: true }),
    /blocks\.3\.hook_resid_pre\/cfg\.json and .*second\/cfg\.json are both of blocks\.3\.hook_resid_pre; keep one/,
  ],
  ['an SAE without weights', (path) => rmSync(join(path, files.sae)), /sae_weights\.safetensors/],
  [
    'an SAE with a weight missing',
    tensors(files.sae, (all) => all.delete('b_dec')),
    /missing the tensor b_dec/,
  ],
]
for (const [what, change, message] of faults)
  models(`${what}: the error names the file and what is wrong`, async () => {
    const path = await changed(change)
    const error = await open(path).then(
      () => undefined,
      (error: unknown) => error as Error,
    )
    assert.ok(error, 'no error')
    assert.match(error.message, message)
    assert.ok(error.message.includes(path), error.message)
  })

const limitOf = (bytes: number) => ({ bytes, whose: 'the memory of a test', advice: 'think smaller' })

models('a model that does not fit is refused with sizes before its weights are read', async () => {
  assert.match(
    await refusal(openModel('tiny', ops, { quiet: true }, limitOf(1e6))),
    /^tiny does not fit: its weights as float32 are 7\.0 MB, the memory of a test is 1\.0 MB: think smaller$/,
  )
  // gpt2-xl's sizes over the bundled weights: read, they would be refused for their shapes
  const xl = { n_layer: 48, n_embd: 1600, n_head: 25, vocab_size: 50257, n_positions: 1024 }
  const path = await changed(settings(files.config, { ...xl, bos_token_id: 50256 }))
  rmSync(join(path, 'sae'), { recursive: true })
  assert.match(
    await refusal(openModel(path, ops, { quiet: true }, memoryLimit('wasm'))),
    /does not fit: its weights as float32 are 6230\.4 MB, the memory of .* is \d+\.\d MB: take a smaller model, or /,
  )
})

models('an SAE that does not fit beside its model is refused with the sizes of both', async () => {
  const model = await openModel('tiny', ops, { quiet: true }, limitOf(7.5e6))
  assert.match(
    await refusal(model.openSae(hook)),
    `tiny with the SAE of ${hook} does not fit: its weights as float32 are 8.2 MB, the memory of a test is 7.5 MB: think smaller`,
  )
  model.release()
})

models('SAEs that are open count, those that were released do not', async () => {
  const model = await openModel('tiny', ops, { quiet: true }, limitOf(9e6))
  const [first, second] = model.saeHooks
  const sae = await model.openSae(first)
  assert.match(
    await refusal(model.openSae(second)),
    `tiny with the SAE of ${second} beside 1 open does not fit: its weights as float32 are 9.4 MB, `,
  )
  sae[Symbol.dispose]()
  const other = await model.openSae(second)
  other[Symbol.dispose]()
  model.release()
})

models('what just fits is accepted', () => {
  checkFits('x', 1000, limitOf(1000))
  assert.throws(() => checkFits('x', 1001, limitOf(1000)), /1,001 bytes, .* is 1,000 bytes/)
})

models('an unembedding of its own counts, also where config.json does not tell of it', async () => {
  const folder = join(import.meta.dirname, '../reference/model-variants/untied-silently')
  using model = await openModel(folder, ops, { quiet: true })
  const wte = 4 * model.gpt2.config.dVocab * model.gpt2.config.dModel
  const tied = float32Bytes(weightShapes(model.gpt2.config))
  assert.match(
    await refusal(openModel(folder, ops, { quiet: true }, limitOf(tied + wte - 1))),
    /does not fit/,
  )
  ;(await openModel(folder, ops, { quiet: true }, limitOf(tied + wte))).release()
})

models('the limit is the backend’s own where that is lower than the machine’s', () => {
  const [wasm, reference] = [memoryLimit('wasm'), memoryLimit('reference')]
  assert.ok(reference.bytes > 0 && reference.bytes <= totalmem())
  assert.is(wasm.bytes, Math.min(2 ** 32, reference.bytes))
  if (wasm.bytes < reference.bytes) assert.match(wasm.advice, '--backend reference')
})

models.run()
