// The verification of real weights, tried on the bundled ones: it holds for the right model, and each way to read SAEs
// wrongly makes it fail with the hint that names it.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBackend } from '../../engine/backends.ts'
import type { WeightStore } from '../../engine/weights/weights.ts'
import { capture, loadGpt2, run } from '../../gpt2/model.ts'
import { splice, zeroAblate } from '../../sae/splice.ts'
import type { Tensor } from '../../engine/tensor.ts'
import type { HookTable } from '../../gpt2/hooks.ts'
import { findModel } from '../../experiments/lab/models/model-source.ts'
import { openModel, type OpenModel } from '../../experiments/lab/models/models.ts'
import { loadTexts } from '../../experiments/lab/texts/texts-node.ts'
import { checkBos, soundAlarm } from '../../experiments/tools/verify/alarm.ts'
import { exactly, failedFindings, nearly, showFindings } from '../../experiments/tools/verify/finding.ts'
import { gpt2Expected, type Expected } from '../../experiments/tools/verify/gpt2-expected.ts'
import { verifyExpected } from '../../experiments/tools/verify/gpt2.ts'
import { lossOfLogits } from '../helpers/loss.ts'

const ROOT = join(import.meta.dirname, '../..')
const ops = await createBackend()
const bundled = await openModel('tiny', ops, { quiet: true })

/** A constant in every position's embedding: no LayerNorm sees it, the stream has it as its mean. */
const MEAN = 1.5

/**
 * The bundled model with a mean in its stream, as GPT-2's has one; its own is hardly different from 0. All of its outputs,
 * and what a centred SAE reads, stay as they were.
 */
async function withMean(): Promise<OpenModel> {
  const store = await (await findModel('tiny')).weights()
  const shifted: WeightStore = {
    ...store,
    get(name) {
      const source = store.get(name)
      if (!name.endsWith('wpe.weight')) return source
      const read = async (into: Float32Array, start: number) => {
        await source.read(into, start)
        for (let i = 0; i < into.length; i++) into[i] += MEAN
      }
      return { ...source, read }
    },
  }
  const gpt2 = await loadGpt2(ops, shifted, bundled.gpt2.config)
  await store.close()
  return { ...bundled, gpt2 }
}

const model = await withMean()
const HOOK = 'blocks.3.hook_resid_pre'
const TEXT = 'The old man gave the bag to the girl and went home.'
const all = await loadTexts(join(ROOT, 'experiments/lab/texts/texts.json'))
const sample = all.filter((_, i) => i % 20 === 0).map(({ text }) => text)

/** What the right model gives, gathered without the code under test. */
async function expectedOf(): Promise<Expected> {
  const ids = model.tokenize(TEXT)
  const logits = async (hooks: HookTable = {}) => {
    let kept: Tensor | undefined
    await run(model.gpt2, [ids], { ...hooks, logits: async (x, ops) => void (kept = await ops.download(x)) })
    return kept!
  }
  const sae = await model.openSae(HOOK)
  const [clean, spliced, zeroed] = [
    await logits(),
    await logits(splice(sae, HOOK)),
    await logits({ [HOOK]: zeroAblate }),
  ]
  const last = clean.row(ids.length - 1)
  const best = last.indexOf(Math.max(...last))
  const percent = 100 / last.reduce((sum, logit) => sum + Math.exp(logit - last[best]), 0)
  const reference = JSON.parse(readFileSync(join(ROOT, 'test/reference/tiny/reference.json'), 'utf8')) as {
    prompts: { text: string; mean_cross_entropy: number }[]
  }
  const noBos = ids.slice(1)
  const bare = (await capture(model.gpt2, [noBos], ['logits'])).get('logits')!.row(noBos.length - 1)
  const next = bare.indexOf(Math.max(...bare))
  const source = 'this test'
  return {
    greedyIds: [{ prompt: noBos, ids: [next], source }],
    greedyTexts: [{ prompt: TEXT, text: model.tokenizer.decode([next]), source }],
    losses: [
      {
        text: reference.prompts[0].text,
        loss: reference.prompts[0].mean_cross_entropy,
        tolerance: 1e-4,
        source: 'float64',
      },
    ],
    splices: [
      {
        hook: HOOK,
        text: TEXT,
        clean: lossOfLogits(clean, ids),
        spliced: lossOfLogits(spliced, ids),
        zeroAblated: lossOfLogits(zeroed, ids),
        lossTolerance: 1e-4,
        next: { clean: { [model.tokenizer.decode([best])]: percent } },
        percentTolerance: 0.01,
        source,
      },
    ],
    lastLogits: [{ ids: noBos, id: next, logit: bare[next], tolerance: 1e-3, source }],
    release: new Map([['blocks.2.hook_resid_pre', { l0: 1000, explainedVariance: 0 }]]),
    releaseSource: source,
  }
}

const expected = await expectedOf()
const verify = (wrong: OpenModel) =>
  verifyExpected(wrong, expected, { hooks: ['blocks.2.hook_resid_pre', HOOK], sample, quiet: true })

/** The model with an SAE of another making at each hook. */
function withSaes(change: (hook: string) => { of: string; config?: object }): OpenModel {
  return {
    ...model,
    saeConfig: (hook) => ({
      ...model.saeConfig(change(hook).of),
      hookName: hook,
      hookNameOut: hook,
      ...change(hook).config,
    }),
    async openSae(hook) {
      const { of, config } = change(hook)
      const sae = await model.openSae(of)
      return { ...sae, config: { ...sae.config, hookName: hook, hookNameOut: hook, ...config } }
    },
  }
}

const verification = suite('verification of published models')
verification.after(() => ops.dispose())

verification('holds for the right model, whatever the release’s numbers are', async () => {
  const { findings, hints } = await verify(model)
  assert.equal(
    failedFindings(findings).map(({ what, got, expected }) => ({ what, got, expected })),
    [],
  )
  assert.equal(hints, [])
  const [release] = findings.filter(({ required }) => !required)
  assert.is(release.what, 'blocks.2.hook_resid_pre: L0')
  assert.is(release.ok, false)
  assert.ok(findings.every(({ source, tolerance, got }) => source && tolerance && got))
})

const mistakes: [what: string, wrong: OpenModel, hint: RegExp][] = [
  [
    'a wrong basis',
    withSaes((hook) => ({ of: hook, config: { centered: false } })),
    /^basis: the SAE of blocks\.3\.hook_resid_pre reads its stream better with its mean over d_model taken out, missing \d+\.\d % of it instead of \d+\.\d %: is center_writing_weights/,
  ],
  [
    'swapped layers',
    withSaes((hook) => ({
      of: hook === HOOK ? 'blocks.2.hook_resid_pre' : hook === 'blocks.2.hook_resid_pre' ? HOOK : hook,
    })),
    /^layers: the SAE of blocks\.3\.hook_resid_pre reads blocks\.2\.hook_resid_pre better, .*: were the files of layers 3 and 2 swapped\?$/,
  ],
  [
    'texts without BOS',
    { ...model, tokenize: (text) => model.tokenize(text).slice(1) },
    /^BOS: 7 of 7 texts begin without <\|endoftext\|> \(id 4096\), the first of them with id \d+/,
  ],
]
for (const [what, wrong, hint] of mistakes)
  verification(`fails for ${what}, and says so`, async () => {
    const { findings, hints } = await verify(wrong)
    const failed = failedFindings(findings).map(({ what }) => what)
    assert.match(hints.join('\n'), hint.source.startsWith('^') ? new RegExp(hint.source, 'm') : hint)
    assert.ok(
      failed.some((what) => what.includes('mean loss')),
      `a number fails too: ${failed.join('; ')}`,
    )
    assert.ok(
      failed.some((what) => what.includes('reads best') || what.includes('BOS')),
      failed.join('; '),
    )
  })

verification(
  'fails for a hook that the SAE was not trained on, as in the post’s first notebook',
  async () => {
    const hook = 'blocks.3.hook_mlp_out'
    const wrong = withSaes(() => ({ of: 'blocks.3.hook_resid_pre' }))
    const texts = sample.map((text) => model.tokenize(text))
    const { asConfigured, best, hint } = await soundAlarm(wrong, hook, texts)
    assert.match(
      hint ?? '',
      /^hook: the SAE of blocks\.3\.hook_mlp_out reads blocks\.3\.hook_resid_pre better, .*: is hook_name in its cfg\.json right\? It was hardly trained on hook_mlp_out$/,
    )
    assert.ok(best.error < asConfigured.error / 2)
  },
)

verification('is silent for every one of the bundled SAEs', async () => {
  const texts = sample.map((text) => bundled.tokenize(text))
  for (const hook of bundled.saeHooks) {
    const { hint, best, asConfigured } = await soundAlarm(bundled, hook, texts)
    assert.is(hint, undefined)
    assert.ok(best.error > 0 && asConfigured.error < 0.2, `${hook}: ${asConfigured.error}`)
  }
  assert.is(checkBos(bundled, texts), undefined)
})

verification('calls damaged weights damaged', async () => {
  const wrong: OpenModel = {
    ...model,
    async openSae(hook) {
      const [sae, other] = [await model.openSae(hook), await model.openSae('blocks.0.hook_resid_pre')]
      return { ...sae, W_dec: other.W_dec }
    },
  }
  const { hint } = await soundAlarm(
    wrong,
    HOOK,
    sample.map((text) => model.tokenize(text)),
  )
  assert.match(
    hint ?? '',
    /^weights: the SAE of blocks\.3\.hook_resid_pre misses \d+\.\d % of its stream, and of every other/,
  )
})

verification('shows each finding with expected, got, tolerance and source', () => {
  const about = { tolerance: 0.5, digits: 1, source: 'someone' }
  const findings = [
    nearly('near', [1, 2], [1.4, 2], about),
    nearly('far', [1], [1.6], about),
    nearly('nothing', [1], [], about),
    nearly('not a number', [1], [NaN], about),
    nearly('as they say', [1], [9], { ...about, required: false }),
    exactly('words', 'a', 'b\n', 'someone'),
  ]
  assert.equal(
    failedFindings(findings).map(({ what }) => what),
    ['far', 'nothing', 'not a number', 'words'],
  )
  const text = showFindings(findings)
  assert.match(text, 'ok       near\n         expected 1.0 2.0  (±0.5; someone)\n         got      1.4 2.0\n')
  assert.match(text, 'differs  as they say\n         expected 1.0  (±0.5; someone; not required)\n')
  assert.match(text, 'FAILED   words\n         expected a  (exact; someone)\n         got      b␊')
})

verification('of gpt2 without its files, or a network, says what to fetch', () => {
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    [join(ROOT, 'experiments/tools/verify/main.ts'), 'gpt2', '--offline', '--backend', 'reference', '--json'],
    {
      env: { ...process.env, HF_HOME: join(tmpdir(), 'clearbox-nowhere'), HF_HUB_CACHE: '' },
      encoding: 'utf8',
    },
  )
  assert.is(status, 1)
  assert.is(stdout, '')
  assert.match(stderr, /^error: gpt2: offline, and not in .*npm run download -- gpt2\n$/)
})

verification('of gpt2 looks at every layer that the release has figures of, unless told which', () => {
  const { stdout } = spawnSync(process.execPath, [join(ROOT, 'experiments/tools/verify/main.ts'), '--help'], {
    encoding: 'utf8',
  })
  assert.match(stdout.replace(/\s+/g, ' '), '(default: [0,1,2,3,4,5,6,7,8,9,10,11])')
})

verification('has the rows that are published', () => {
  assert.is(gpt2Expected.greedyIds[0].prompt.length + gpt2Expected.greedyIds[0].ids.length, 20)
  assert.is(gpt2Expected.lastLogits.length, 5)
  assert.is(gpt2Expected.release.size, 12)
  assert.ok(
    [...gpt2Expected.release.values()].every(
      ({ l0, explainedVariance }) => l0 > 0 && explainedVariance > 0.7,
    ),
  )
})

verification.run()
