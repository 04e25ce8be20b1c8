// SAEs that do not fit what they are fed stop an experiment before it begins.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBackend } from '../../engine/backends.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import { checkSaes } from '../../experiments/lab/models/preflight.ts'
import { runScript } from '../helpers/cli.ts'
import { refusal } from '../helpers/refusal.ts'

const ROOT = join(import.meta.dirname, '../..')
const HOOK = 'blocks.3.hook_resid_pre'
const folder = fs.mkdtempSync(join(tmpdir(), 'preflight-'))
const ops = await createBackend('wasm')
const preflight = suite('preflight')
preflight.after(async () => {
  await ops.dispose()
  fs.rmSync(folder, { recursive: true })
})

type Cfg = Record<string, unknown>
/** A copy of the bundled SAE of a block, with a setting changed. */
function changed(name: string, change: (cfg: Cfg) => void): string {
  const to = join(folder, name)
  fs.cpSync(join(ROOT, 'sae/tiny', HOOK), to, { recursive: true })
  const path = join(to, 'cfg.json')
  const cfg = JSON.parse(fs.readFileSync(path, 'utf8')) as Cfg
  change(cfg)
  fs.writeFileSync(path, JSON.stringify(cfg))
  return to
}
const shifted = (hook: string) =>
  changed(hook, (cfg) => void (((cfg.metadata as Cfg | undefined) ?? cfg).hook_name = hook))

const TEXT = 'The cat sat on the mat, and the dog looked at it for a long time before it went home.'
async function check(
  saes?: string,
  options: { force?: boolean; l0?: number; text?: string } = {},
): Promise<void> {
  const model = await openModel('tiny', ops, { quiet: true, saes })
  const published = options.l0 === undefined ? undefined : { l0: options.l0 }
  const hooks = saes === undefined ? [HOOK] : model.saeHooks
  const { force, quiet = true } = { quiet: true, ...options }
  await checkSaes(
    { ...model, saePublished: () => published },
    [model.tokenize(options.text ?? TEXT)],
    hooks,
    {
      quiet,
      force,
    },
  )
  model.release()
}

preflight('the right hook and basis pass', () => check())

for (const hook of ['blocks.0.hook_resid_pre', 'blocks.5.hook_mlp_out', 'blocks.1.hook_attn_out'])
  preflight(`the SAE of ${HOOK} at ${hook} stops`, async () => {
    assert.match(
      await refusal(check(shifted(hook))),
      /the SAE of \S+: the cosine of what it rebuilds to what it read is -?0\.\d+, expected at least 0\.8: .*; --force/,
    )
  })

preflight('another scale of inputs stops', async () => {
  const saes = changed('scaled', (cfg) => {
    Object.assign(cfg, { normalize_activations: 'expected_average_only_in', norm_scaling_factor: 0.1 })
  })
  assert.match(await refusal(check(saes)), /the cosine of what it rebuilds to what it read is/)
})

preflight('L0 more than three times off what was published stops, in either direction', async () => {
  await check(undefined, { l0: 20 })
  assert.match(
    await refusal(check(undefined, { l0: 5 })),
    /active features per token, but 5 were published: /,
  )
  assert.match(
    await refusal(check(undefined, { l0: 500 })),
    /active features per token, but 500 were published: /,
  )
})

preflight('--force runs it all the same; an experiment says what it found, and stops', async () => {
  await check(shifted('blocks.2.hook_mlp_out'), { force: true })
  const args = [
    '--layers',
    '2',
    '--out',
    join(folder, 'out'),
    '--saes',
    join(folder, 'blocks.2.hook_mlp_out'),
  ]
  const { status, stdout, stderr } = runScript('experiments/black-box/main.ts', args)
  assert.is(status, 1)
  assert.match(
    stdout,
    /blocks\.2\.hook_mlp_out: residual stream .*, BOS .*, explained variance -?\d.*, cosine -?0\.\d+, L0 \d/,
  )
  assert.match(stderr, /^error: the SAE of blocks\.2\.hook_mlp_out: .*; --force runs it all the same\n$/)
})
preflight('too few tokens to tell stop nothing', () =>
  check(shifted('blocks.2.hook_mlp_out'), { text: 'The cat' }),
)

preflight('capture checks the SAEs that it is asked for, and no others', () => {
  const saes = ['--saes', shifted('blocks.2.hook_mlp_out'), '--out', join(folder, 'captured.safetensors')]
  const capture = (hooks: string, ...more: string[]) =>
    runScript('experiments/tools/capture/main.ts', ['--text', TEXT, '--hooks', hooks, ...saes, ...more])
  const asked = capture('blocks.2.hook_mlp_out.hook_sae_acts_post')
  assert.is(asked.status, 1)
  assert.match(
    asked.stderr,
    /error: the SAE of blocks\.2\.hook_mlp_out: .*the cosine of what it rebuilds to what it read is .*; --force runs it all the same/,
  )
  assert.not.ok(fs.existsSync(join(folder, 'captured.safetensors')))
  assert.is(capture('blocks.2.hook_mlp_out').status, 0)
  assert.is(capture('blocks.2.hook_mlp_out.hook_sae_acts_post', '--force').status, 0)
})
preflight.run()
