// Attribution on the bundled model: parts add up, and agree with TransformerLens, with nudging, and with what is measured.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createBackend } from '../../engine/backends.ts'
import { Tensor } from '../../engine/tensor.ts'
import { openFile } from '../../engine/weights/files-node.ts'
import { openSafetensors, type SafetensorsStore } from '../../engine/weights/safetensors.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import { agreement } from '../../experiments/attribution/agreement.ts'
import { featureEffects } from '../../experiments/attribution/features.ts'
import { patch } from '../../experiments/attribution/patching.ts'
import {
  answerOf,
  checkedSum,
  directAttribution,
  shareOf,
  type LogitQuestion,
} from '../../gpt2/attribution.ts'
import { parseConfig } from '../../gpt2/config.ts'
import { hookGradients } from '../../gpt2/hook-gradients.ts'
import { hookNames, onHost, type HookTable } from '../../gpt2/hooks.ts'
import { capture, loadGpt2, releaseGpt2, run, type Gpt2 } from '../../gpt2/model.ts'
import { saeShares, takeApart } from '../../sae/attribution.ts'
import { addDirection, liveEdit, removal, unitsAt } from '../../sae/edit.ts'
import { decoderRows } from '../../sae/decoder.ts'
import { encode } from '../../sae/encoder.ts'
import { parseSaeConfig } from '../../sae/config.ts'
import { loadSae } from '../../sae/weights.ts'
import { sparseColumn } from '../../engine/sparse.ts'
import { reference } from '../helpers/backends.ts'
import { messageOf } from '../helpers/compare.ts'
import { checkNear } from '../helpers/gradients.ts'
import { randomIds, smallConfig, smallGpt2 } from '../helpers/small-gpt2.ts'

const references = join(import.meta.dirname, '../reference')

/** What TransformerLens says: test/reference/make-attribution-fixture.py. */
const lens = JSON.parse(readFileSync(join(references, 'attribution.json'), 'utf8')) as {
  clean: number[]
  corrupted: number[]
  target: number
  against: number
  logit: number
  difference: number
  direct: Record<
    'accumulated_resid' | 'decompose_resid' | 'stack_head_results',
    { labels: string[]; difference: number[]; logit: number[] }
  >
  gradients: {
    difference: number
    lengths: Record<string, number[]>
    attribution: Record<string, number[] | number[][]>
  }
  patched_resid_pre: number[][]
}
const { clean, corrupted, target, against } = lens
const questions: Record<string, LogitQuestion> = {
  'a logit': { target },
  'a difference': { target, against },
  'a centred logit': { target, against: 'mean' },
}
const LIMIT = 1e-4

function near(got: ArrayLike<number>, expected: ArrayLike<number>, limit: number, what: string): void {
  assert.is(got.length, expected.length, what)
  for (let i = 0; i < expected.length; i++)
    assert.ok(Math.abs(got[i] - expected[i]) <= limit, `${what} [${i}]: ${got[i]}, expected ${expected[i]}`)
}

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, number) => total + number, 0)

/** The number asked for, after hooks. */
async function answer(
  model: Gpt2,
  ids: readonly number[],
  question: LogitQuestion,
  hooks: HookTable,
): Promise<number> {
  let logits: Tensor | undefined
  await run(
    model,
    [ids],
    { ...hooks, logits: async (x, ops) => void (logits = await ops.download(x)) },
    { lastOnly: true },
  )
  return answerOf(logits!.row(0), question)
}

const backends = [reference, await createBackend('wasm')]
const models = await Promise.all(backends.map((ops) => openModel('tiny', ops, { quiet: true })))

for (const model of models) {
  const { gpt2 } = model
  const test = suite(`attribution: ${gpt2.ops.name}`)
  test.after(() => gpt2.ops.dispose())

  for (const [name, question] of Object.entries(questions))
    test(`${name} is the sum of its parts, and each part of what it is made of`, async () => {
      const { logit, parts, layers } = await directAttribution(gpt2, clean, question)
      assert.is(logit, await answer(gpt2, clean, question, {}))
      near([sum(parts.values())], [logit], 5e-6, 'the parts') // float32 roundings: the sizes of the parts add up to 16
      for (const [layer, { heads, sources, attentionBias, neurons, mlpBias }] of layers.entries()) {
        const part = (hook: string) => [parts.get(`blocks.${layer}.${hook}`)!]
        near([sum(heads) + attentionBias], part('hook_attn_out'), 5e-6, 'heads')
        near(sources.map(sum), heads, 5e-6, 'source tokens')
        near([sum(neurons) + mlpBias], part('hook_mlp_out'), 5e-6, 'neurons')
      }
    })

  test('direct attribution is TransformerLens’', async () => {
    for (const [kind, question] of [
      ['difference', questions['a difference']],
      ['logit', questions['a logit']],
    ] as const) {
      const { decompose_resid: parts, accumulated_resid: streams, stack_head_results: heads } = lens.direct
      const direct = await directAttribution(gpt2, clean, question)
      const shares = [...direct.parts.values()].slice(0, -1)
      near([direct.logit], [lens[kind]], LIMIT, kind)
      near(shares, parts[kind], LIMIT, 'decompose_resid')
      near(
        direct.layers.flatMap(({ heads }) => heads),
        heads[kind],
        LIMIT,
        'stack_head_results',
      )
      let so_far = shares[0]
      near(
        shares.slice(1).map((share) => (so_far += share)),
        streams[kind],
        LIMIT,
        'accumulated_resid',
      )
    }
  })

  test('gradients, attribution patching and patching are TransformerLens’', async () => {
    const { lengths, attribution, difference } = lens.gradients
    const names = Object.keys(lengths)
    const { gradients, logits } = await hookGradients(gpt2, [corrupted], questions['a difference'], names)
    near(logits, [difference], LIMIT, 'difference')
    for (const name of names) {
      const { shape, data } = gradients.get(name)!
      const rows = new Tensor([shape[0], data.length / shape[0]], data)
      const length = (token: number) => Math.hypot(...rows.row(token))
      near(
        lengths[name].map((_, token) => length(token)),
        lengths[name],
        LIMIT,
        name,
      )
    }
    const { rows, positions } = await patch(gpt2, clean, corrupted, questions['a difference'], true)
    assert.equal(positions, [3, 4, 5, 6])
    for (const { hook, head, attribution: got } of rows)
      near(
        got,
        positions.map((position) => [attribution[hook][position]].flat()[head ?? 0]),
        LIMIT,
        `${hook}, head ${head}`,
      )
    for (const { layer, patching } of rows.filter(({ site }) => site === 'hook_resid_pre'))
      near(
        patching,
        positions.map((position) => lens.patched_resid_pre[layer][position] - difference),
        LIMIT,
        `patching layer ${layer}`,
      )
  })

  test('a gradient is what nudging along it gives', async () => {
    for (const question of Object.values(questions))
      for (const hook of [
        'hook_embed',
        'blocks.2.attn.hook_v',
        'blocks.3.hook_resid_pre',
        'blocks.5.mlp.hook_post',
      ]) {
        const gradient = (await hookGradients(gpt2, [clean], question, [hook])).gradients.get(hook)!
        const length = Math.hypot(...gradient.data)
        const step = 0.005
        const nudged = (by: number) =>
          answer(gpt2, clean, question, {
            [hook]: onHost((x) => {
              const moved = x.like(x.shape)
              moved.data.set(x.data.map((value, i) => value + (by * gradient.data[i]) / length))
              return moved
            }),
          })
        const slope = ((await nudged(step)) - (await nudged(-step))) / (2 * step)
        near([slope / length], [1], 5e-3, hook)
      }
  })

  test('features: shares, gradients and ablations by other ways', async () => {
    const hook = 'blocks.3.hook_resid_pre'
    const question = questions['a difference']
    const direct = await directAttribution(gpt2, clean, question)
    const found = await featureEffects(model, clean, question, direct, [hook], {
      steps: 30,
      ablate: 9,
      quiet: true,
    })
    const before = [...direct.parts].filter(([name]) => /^hook_|blocks\.[012]\./.test(name))
    near([found.shares[0].sum], [sum(before.map(([, share]) => share))], 1e-5, 'the stream’s share')
    const [{ sum: all, without_features: lost }] = found.integrated
    near([all / lost], [1], 0.01, 'integrated gradients')
    const tried = found.features.filter(({ ablation }) => ablation !== null)
    assert.is(tried.length, 9)
    const least = Math.min(...tried.map(({ activation }) => activation))
    assert.ok(found.features.every(({ activation, ablation }) => ablation !== null || activation <= least))

    using sae = await model.openSae(hook)
    const x = gpt2.ops.upload((await capture(gpt2, [clean], [hook])).get(hook)!)
    const features = await encode(gpt2.ops, sae, x)
    const units = await unitsAt(gpt2.ops, sae, x)
    const rows = await decoderRows(
      sae,
      tried.map(({ feature }) => feature),
    )
    for (const [i, { feature, position, activation, ablation, gradient }] of tried.entries()) {
      const column = sparseColumn(features, feature)
      near([column[position]], [activation], 0, 'the activation')
      const [coefficients] = removal([column], [units])
      const scaledBy = (factor: number) =>
        answer(gpt2, clean, question, {
          [hook]: addDirection(
            coefficients.map((value) => value * factor),
            rows.row(i),
          ),
        })
      near([direct.logit - (await scaledBy(1))], [ablation!], 2e-5, `feature ${feature} taken out`)
      const slope = ((await scaledBy(-0.01)) - (await scaledBy(0.01))) / 0.02
      near([slope], [gradient], 2e-3, `feature ${feature} scaled`)
    }
  })

  test.run()
}

const saes = suite('attribution: every kind of SAE')
saes(
  'parts add up to what stands at the hook, with and without centring, and integrated gradients to what is lost',
  async () => {
    const folder = join(references, 'saelens')
    const opened = async <T>(path: string[], load: (store: SafetensorsStore) => Promise<T>): Promise<T> => {
      const store = await openSafetensors(await openFile(join(folder, ...path)))
      return load(store).finally(() => store.close())
    }
    const text = (...path: string[]) => readFileSync(join(folder, ...path), 'utf8')
    const { ids, saes } = JSON.parse(text('figures.json')) as { ids: number[]; saes: Record<string, unknown> }
    const gpt2 = await opened(['model', 'model.safetensors'], (store) =>
      loadGpt2(reference, store, parseConfig(text('model', 'config.json'))),
    )
    const question = { target: 7, against: 12 }
    const direct = await directAttribution(gpt2, ids, question)
    const kinds = new Set<boolean>()
    for (const name of Object.keys(saes)) {
      const config = parseSaeConfig(text('saes', name, 'cfg.json'), name)
      const openSae = () =>
        opened(['saes', name, 'sae_weights.safetensors'], (store) => loadSae(reference, store, config))
      using sae = await openSae()
      const { hookName, hookNameOut, headIndex, dOut } = config
      const seen = await capture(gpt2, [ids], [hookName, hookNameOut])
      const output = seen.get(hookNameOut)!
      const parts = await takeApart(sae, seen.get(hookName)!, output)
      assert.ok(parts.features.values.length > 0, name)
      kinds.add(config.centered)
      // Any numbers, but adding up to 0, as every gradient behind a LayerNorm does; of one head, on it alone.
      const width = output.data.length / output.shape[0]
      const gradient = Tensor.zeros(output.shape)
      const inside = (i: number) => headIndex === undefined || Math.floor((i % width) / dOut) === headIndex
      for (let i = 0; i < gradient.data.length; i++)
        if (inside(i))
          gradient.data[i] = Math.sin(i + 1) * (i % 2 === 0 ? 1 : 0) - (i % 2 === 1 ? Math.sin(i) : 0)
      const shares = await saeShares(sae, parts, gradient)
      const whole = gradient.data.reduce((total, value, i) => total + value * output.data[i], 0)
      const got = sum(shares.features) + sum(shares.bias) + sum(shares.error)
      near([got], [whole], 1e-4 * (1 + Math.abs(whole)), name)
      const model = { gpt2, saeConfig: () => config, openSae }
      const settings = { steps: 40, ablate: 100, quiet: true }
      const { features, integrated } = await featureEffects(
        model,
        ids,
        question,
        direct,
        [hookName],
        settings,
      )
      near([integrated[0].sum], [integrated[0].without_features], 3e-3, `${name}, integrated gradients`)
      const [one] = features.toSorted((a, b) => Math.abs(b.ablation!) - Math.abs(a.ablation!))
      const off = liveEdit(sae, one.feature, new Float32Array(width), { kind: 'off', onFiring() {} })
      const without = await answer(gpt2, ids, question, off)
      near([one.ablation!], [direct.logit - without], 1e-5, `${name}, ablation`)
    }
    assert.is(kinds.size, 2)
    releaseGpt2(gpt2)
  },
)
saes.run()

const small = suite('attribution: agreement and sums')
small('an estimate is held to the truth by ranks and by signs', () => {
  const names = { of: 'here', estimate: 'cheap', truth: 'true' }
  assert.equal(agreement(names, [1, 2, -3], [10, 20, -1]), {
    ...{ ...names, places: 3 },
    ...{ spearman: 1, same_sign: 1 },
  })
  const wrong = agreement(names, [-1, 2, 3, -5], [10, -20, 30, 0.01]) // the last is as good as none
  assert.is(wrong.same_sign, 1 / 3)
  assert.is(agreement(names, [1, 2, 3], [1, 2, 3]).same_sign, null) // no signs to compare
  assert.is(agreement(names, [1, 2], [1, 2]).spearman, null)
  assert.is(agreement(names, [1, 2, 3], [0, 0, 0]).spearman, null)
})

small('a part that is missing is an error that says both numbers', async () => {
  assert.is(checkedSum([1, 2], 3, 'the logit'), 3)
  const message = await messageOf(() => checkedSum([1, 2], 3.1, 'the logit'))
  assert.match(
    message,
    /^direct attribution: the parts add up to 3, but the logit is 3\.1, expected within 0\.00003/,
  )
  assert.is(shareOf({ direction: Float64Array.of(1, -1) }, [3, 1]), 2)
})
small.run()

const graphics = suite('attribution: gpujs:cpu')

graphics('the gradient at every hook of the pass is wasm’s, to 1e-4 of its largest number', async () => {
  const ids = [randomIds(9, 1), randomIds(5, 2)]
  const names = hookNames(smallConfig).filter(
    (name) => !/hook_scale$|\.hook_normalized$|hook_attn_scores$|hook_result$|^unembed.hook_out$/.test(name),
  )
  const found: ReadonlyMap<string, Tensor>[] = []
  for (const name of ['wasm', 'gpujs:cpu']) {
    const ops = await createBackend(name)
    const model = await smallGpt2(ops)
    found.push((await hookGradients(model, ids, { target: 3, against: 'mean' }, names)).gradients)
    releaseGpt2(model)
    await ops.dispose()
  }
  const [wasm, gpujs] = found
  assert.is(wasm.size, 40)
  for (const [name, { data }] of wasm) {
    assert.ok(
      data.some((value) => value !== 0),
      name,
    )
    checkNear(gpujs.get(name)!.data, data, 1e-4, name)
  }
})

graphics.run()
