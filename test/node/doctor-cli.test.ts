import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isOneLine, runScript } from '../helpers/cli.ts'

const ROOT = join(import.meta.dirname, '../..')
const scratch = mkdtempSync(join(tmpdir(), 'doctor-'))
const doctor = (...args: string[]) => runScript('experiments/tools/doctor/main.ts', args)

/** A copy of a folder of the project's, under a name. */
function copyOf(folder: string, name: string): string {
  const to = join(scratch, name)
  cpSync(join(ROOT, folder), to, { recursive: true })
  return to
}
function edit(path: string, change: (cfg: Record<string, unknown>) => void): void {
  const cfg = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
  change(cfg)
  writeFileSync(path, JSON.stringify(cfg))
}

const test = suite('doctor')
test.after(() => rmSync(scratch, { recursive: true }))

test('the bundled model and its SAEs: every field, and what is not read', () => {
  const { status, stdout } = doctor('gpt2/tiny')
  assert.is(status, 0)
  assert.match(stdout, /nLayers +6\n/)
  assert.match(stdout, /not read, .*: architectures, attn_pdrop, /)
  assert.match(stdout, /bos +<\|endoftext\|>, id 4096\n/)
  assert.match(stdout, /tensors +76\n +stored as +F16\n +unembedding +wte\.weight\n/)
  const saes = doctor('sae/tiny')
  assert.is(saes.status, 0)
  assert.is(saes.stdout.match(/^ {2}ok$/gm)?.length, 12)
  assert.match(saes.stdout, /W_enc +\[128, 1024\] F16/)
  assert.match(saes.stdout, /not read, .*: dtype, device, hook_layer, .*, dataset_path, .*, training\n/)
  assert.not.match(saes.stdout, /not read, .*(hook_name|prepend_bos|d_sae)|undefined/)
})

test('an SAE’s fields of which nothing is known are named, in metadata too', () => {
  const folder = copyOf('test/reference/saelens/saes/topk', 'fields')
  edit(join(folder, 'cfg.json'), (cfg) => {
    Object.assign(cfg, { something: 3 })
    Object.assign(cfg.metadata as object, { else: 4 })
  })
  const { stdout } = doctor(folder)
  assert.match(stdout, /not read, .*: .*metadata\.else, .*something\n/)
  assert.not.match(stdout, /not read, .*(metadata\.hook_name|[ .]k)[,\n]/)
})

test('two SAEs of one hook, and SAEs that do not fit the model beside them, are told', () => {
  const folder = copyOf('gpt2/tiny', 'with-saes')
  const hook = 'sae/tiny/blocks.3.hook_resid_pre'
  for (const name of ['first', 'second', 'deep', 'wide']) copyOf(hook, join('with-saes/sae', name))
  const inside = join(folder, 'sae')
  edit(join(inside, 'deep/cfg.json'), (cfg) => Object.assign(cfg, { hook_name: 'blocks.6.hook_resid_pre' }))
  edit(join(inside, 'wide/cfg.json'), (cfg) => Object.assign(cfg, { d_in: 64 }))
  const { status, stdout } = doctor(folder)
  assert.is(status, 1)
  assert.match(
    stdout,
    /CANNOT BE RUN: .*deep.cfg\.json: the SAE is of block 6, but with-saes has blocks 0\.\.5\n/,
  )
  assert.match(stdout, /CANNOT BE RUN: .*wide.cfg\.json: the SAE reads a stream of width 64, but /)
  const both =
    /SAEs: .*\n {2}CANNOT BE RUN: \S*first.cfg\.json and \S*second.cfg\.json are both of blocks\.3\.hook_resid_pre; /
  assert.match(stdout, both)
})

test('variants: what differs from GPT-2 is named', () => {
  const { status, stdout } = doctor('test/reference/model-variants/untied-silently')
  assert.is(status, 0)
  assert.match(stdout, /from +none: ids alone/)
  assert.match(stdout, /unembedding +lm_head\.weight, a matrix of its own/)
  assert.match(doctor('test/reference/model-variants/doubles').stdout, /F64 \(rounded to float32\)/)
  assert.match(
    doctor('test/reference/model-variants/bin').stdout,
    /weights: .*pytorch_model\.bin\n +tensors +28\n/,
  )
})

test('SAEs in files of torch', () => {
  const { status, stdout } = doctor('test/reference/sae-torch')
  assert.is(status, 1, 'three files of one hook')
  assert.is(stdout.match(/^ {2}ok$/gm)?.length, 10)
  assert.is(stdout.match(/CANNOT BE RUN: .* are both of blocks\.1\.ln2\.hook_normalized; /g)?.length, 2)
  assert.match(stdout, /SAE config: .*heads_cfg\.json\n(.*\n)* +hookName +blocks\.0\.attn\.hook_z\n/)
  assert.match(stdout, /SAE weights: .*transcoder\.pkl\.gz\n +W_enc +\[16, 24\] F32\n/)
  const one = doctor('test/reference/sae-torch/transcoder.pt')
  assert.equal([one.status, one.stdout.match(/^ {2}ok$/gm)?.length], [0, 2])
})

test('one part that cannot be run does not hide the others; exit code 1', () => {
  const folder = join(scratch, 'model')
  cpSync(join(ROOT, 'gpt2/tiny'), folder, { recursive: true })
  rmSync(join(folder, 'tokenizer_config.json'))
  writeFileSync(join(folder, 'tokenizer.json'), '{"normalizer":{"type":"NFC"}}')
  rmSync(join(folder, 'model.safetensors'))
  cpSync(join(ROOT, 'sae/tiny'), join(folder, 'sae'), { recursive: true })
  writeFileSync(join(folder, 'sae/blocks.0.hook_resid_pre/cfg.json'), '{"architecture":"topk"}')
  const { status, stdout } = doctor(folder, '--json')
  assert.is(status, 1)
  const { parts } = JSON.parse(stdout) as { parts: { what: string; problem?: string }[] }
  const problems = parts.filter(({ problem }) => problem !== undefined)
  assert.equal(
    problems.map(({ what }) => what),
    ['tokenizer', 'weights', 'SAE config'],
  )
  assert.match(problems[0].problem!, /normalizer is \{"type":"NFC"\}, expected null/)
  assert.is(parts.length, 3 + 1 + 5 * 2)
  assert.match(doctor(folder).stdout, /CANNOT BE RUN: .*normalizer/)
})

test('what is no folder of either kind is one line', () => {
  const empty = mkdtempSync(join(scratch, 'empty-'))
  for (const [folder, message] of [
    [empty, /expected config\.json \(a model\), cfg\.json or a PyTorch file \(an SAE\) in it/],
    [join(scratch, 'nowhere'), /expected a folder or a PyTorch file, found nothing/],
    [join(ROOT, 'package.json'), /expected config\.json \(a model\), cfg\.json or a PyTorch file/],
  ] as const) {
    const { status, stderr, stdout } = doctor(folder)
    assert.equal([status, stdout, isOneLine(stderr)], [1, '', true])
    assert.match(stderr, message)
  }
  assert.is(doctor().status, 2)
  assert.match(doctor('--help').stdout, /Exit code 1 if anything in it cannot be run/)
})

test.run()
