// `npm run save-sae`: what is written reads as what was read and computes the same; nothing is half-written.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBackend } from '../../engine/backends.ts'
import { toDense } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { saesIn, saeFieldsOf, openSaeWeights } from '../../experiments/lab/models/sae-source.ts'
import { readSaeConfig } from '../../sae/config.ts'
import { reconstruct } from '../../sae/decoder.ts'
import { encode } from '../../sae/encoder.ts'
import { loadSae } from '../../sae/weights.ts'
import { isOneLine, runScript } from '../helpers/cli.ts'

const TORCH = join(import.meta.dirname, '../reference/sae-torch')
const folder = fs.mkdtempSync(join(tmpdir(), 'save-sae-'))
const save = (...args: string[]) => runScript('experiments/tools/save-sae/main.ts', args)
const expected = JSON.parse(fs.readFileSync(join(TORCH, 'expected.json'), 'utf8')) as {
  x: number[]
} & Record<string, { features: number[]; rebuilt: number[] }>

const test = suite('save-sae')
test.after(() => fs.rmSync(folder, { recursive: true }))

/** What the SAEs of a folder compute, in its order. */
async function computed(path: string, x: Tensor): Promise<{ features: Tensor; rebuilt: Tensor }[]> {
  const ops = await createBackend('reference')
  const results = []
  for (const files of await saesIn(path)) {
    const store = await openSaeWeights(files.weights)
    const sae = await loadSae(ops, store, readSaeConfig(await saeFieldsOf(files)))
    await store.close()
    const input = ops.upload(x)
    const features = await encode(ops, sae, input)
    const rebuilt = await ops.download(await reconstruct(ops, sae, input, features))
    results.push({ features: toDense(features), rebuilt })
  }
  return results
}

for (const [file, hook] of [
  ['heads.pt', 'blocks.0.attn.hook_z'],
  ['stream.pt', 'blocks.0.hook_resid_pre'],
  ['transcoder.pkl', 'blocks.1.ln2.hook_normalized'],
  ['transcoder.pkl.gz', 'blocks.1.ln2.hook_normalized'],
])
  test(`${file} becomes SAELens’ two files, which compute what torch does with it`, async () => {
    const out = join(folder, file.replaceAll('.', '-'))
    const { status, stdout } = save('--saes', join(TORCH, file), '--out', out)
    assert.is(status, 0)
    assert.ok(stdout.startsWith(`${join(out, hook)}: `), stdout)
    assert.equal(fs.readdirSync(out), [hook])
    assert.equal(fs.readdirSync(join(out, hook)).sort(), ['cfg.json', 'sae_weights.safetensors'])
    const [{ features, rebuilt }] = await computed(out, Tensor.of([5, 16], expected.x))
    const { features: wanted, rebuilt: wantedRebuilt } = expected[file.split('.')[0]]
    assert.ok(features.data.every((value, i) => Math.abs(value - wanted[i]) < 1e-5))
    assert.ok(rebuilt.data.every((value, i) => Math.abs(value - wantedRebuilt[i]) < 1e-5))
  })

test('a folder of SAEs: those of the layers asked for, whose bits stay', async () => {
  const out = join(folder, 'tiny')
  const { stdout } = save('--saes', 'sae/tiny', '--layers', '1,4', '--out', out, '--json')
  const hooks = ['blocks.1.hook_resid_pre', 'blocks.4.hook_resid_pre']
  const { saved } = JSON.parse(stdout) as { saved: { folder: string; features: number }[] }
  assert.equal(saved.map(({ folder, features }) => [folder, features]), hooks.map((hook) => [join(out, hook), 1024])) // prettier-ignore
  const x = Tensor.of(
    [2, 128],
    Array.from({ length: 256 }, (_, i) => Math.sin(i)),
  )
  const all = await computed(join(import.meta.dirname, '../../sae/tiny'), x)
  assert.equal(await computed(out, x), [all[1], all[4]])
})

test('a scale of inputs is folded in: the config says none, and the numbers stay', async () => {
  const scaled = join(import.meta.dirname, '../reference/saelens/saes/standard-average')
  const out = join(folder, 'scaled')
  assert.is(save('--saes', scaled, '--out', out).status, 0)
  const cfg = fs.readFileSync(join(out, 'blocks.1.hook_resid_pre/cfg.json'), 'utf8')
  assert.match(cfg, /"normalize_activations":"none"/)
  const x = Tensor.of(
    [2, 16],
    Array.from({ length: 32 }, (_, i) => Math.cos(i)),
  )
  const [[before], [after]] = [await computed(scaled, x), await computed(out, x)]
  for (const name of ['features', 'rebuilt'] as const)
    assert.ok(after[name].data.every((value, i) => Math.abs(value - before[name].data[i]) < 1e-5))
})

test('weights that do not fit their settings end in one line, and nothing is written', () => {
  const broken = join(folder, 'broken')
  const hook = 'blocks.3.hook_resid_pre'
  fs.cpSync(join(import.meta.dirname, '../../sae/tiny', hook), broken, { recursive: true })
  const path = join(broken, 'cfg.json')
  const cfg = JSON.parse(fs.readFileSync(path, 'utf8')) as Record<string, unknown>
  fs.writeFileSync(path, JSON.stringify({ ...cfg, d_sae: 1023 }))
  const out = join(folder, 'none')
  const { status, stderr } = save('--saes', broken, '--out', out)
  assert.is(status, 1)
  assert.match(stderr, /W_enc.*\[128, 1024\].*\[128, 1023\]|W_enc.*\[128, 1023\].*\[128, 1024\]/)
  assert.not.ok(fs.existsSync(out))
})

test('no SAE of a layer, no SAE at all, and a missing option', () => {
  const layer = save('--saes', 'sae/tiny', '--layers', '9', '--out', join(folder, 'none'))
  assert.match(layer.stderr, /--layers 9: there are SAEs only for blocks\.0\.hook_resid_pre, /)
  const empty = fs.mkdtempSync(join(folder, 'empty'))
  const none = save('--saes', empty, '--out', join(folder, 'none'))
  assert.is(none.status, 1)
  assert.ok(isOneLine(none.stderr) && none.stderr.includes('there is no SAE in it'))
  assert.is(save('--saes', 'sae/tiny').status, 2)
})
test.run()
