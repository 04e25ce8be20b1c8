// What others recorded from the real model, with the bundled one standing in: its own numbers hold, and each mistake shows.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createBackend } from '../../engine/backends.ts'
import { toDense } from '../../engine/sparse.ts'
import { readTensor, type WeightStore } from '../../engine/weights/weights.ts'
import { encodeStream } from '../../experiments/lab/models/features.ts'
import { findModel } from '../../experiments/lab/models/model-source.ts'
import { openModel, type OpenModel } from '../../experiments/lab/models/models.ts'
import { nearly } from '../../experiments/tools/verify/finding.ts'
import { recordedLines, type Recorded } from '../../experiments/tools/verify/recorded.ts'
import type { Line } from '../../experiments/tools/verify/recorded-line.ts'
import { bosOf } from '../../gpt2/config.ts'
import { capture, loadGpt2 } from '../../gpt2/model.ts'

const published = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../experiments/tools/verify/gpt2-recorded.json'), 'utf8'),
) as Recorded

const ops = await createBackend()
const model = await openModel('tiny', ops, { quiet: true })
const HOOK = 'blocks.3.hook_resid_pre'
const places = (count: number) => Array.from({ length: count }, (_, i) => i)

/** A feature that fires on BOS, as the recorded one does. */
async function strongestAtBos(): Promise<number> {
  const stream = (await capture(model.gpt2, [[bosOf(model.gpt2.config)]], [HOOK])).get(HOOK)!
  const row = toDense(await encodeStream(ops, await model.openSae(HOOK), stream)).row(0)
  return row.indexOf(Math.max(...row))
}

const onBos = await strongestAtBos()

/** The shape of the published file, with ids, names and layers that the bundled model has; the numbers are not looked at. */
const standIn: Recorded = {
  ...published,
  token_log_probs: { source: 'x', cases: [{ ids: [464, 2612, 373], log_probs: [0, 0, 0] }] },
  next_token_table: {
    source: 'x',
    strings: ['<|endoftext|>', 'In', 'Ġa', 'Ġday', ',', 'Ġthe', 'Ġfirst', 'Ġof'],
    rank_and_probability_of_next: places(7).map((i) => [i < 4 ? 0 : 600, 0]),
    bos_row_top20: [
      ['Ċ', 0],
      ['The', 0],
    ],
  },
  logits: published.logits.map((entry) => ({
    ...entry,
    ...(entry.ids ? { ids: [15, 11, 314, 716] } : {}),
    ...(entry.position_0 ? { position_0: { 0: 0, 100: 0, 4000: 0 } } : {}),
  })),
  ioi: {
    ...published.ioi,
    top10: { ...published.ioi.top10, prompt: 'When John and David went to the shops, John gave the bag to' },
    prompts: [
      'When John and David went to the shops, John gave the bag to',
      'When John and David went to the shops, David gave the bag to',
      'After Paul and Michael went to the park, Michael gave a drink to',
      'After Paul and Michael went to the park, Paul gave a drink to',
    ],
    logit_lens_mean_difference: {
      at: [...places(6).flatMap((layer) => [`${layer}_pre`, `${layer}_mid`]), 'final_post'],
      value: places(13),
    },
    direct_attribution_mean_difference: {
      of: ['embed', 'pos_embed', ...places(6).flatMap((layer) => [`${layer}_attn_out`, `${layer}_mlp_out`])],
      value: places(14),
    },
  },
  sae_7_res_jb: {
    ...published.sae_7_res_jb,
    values_by_token: { [onBos]: [] },
    top3: {
      Hello: [
        [1, 0],
        [2, 0],
      ],
    },
    bos_feature: [onBos, 0],
    decoder_cosine_of_feature_5: { 6: 0, 9: 0 },
    decoder_cosine_of_all_ones: { 6: 0 },
  },
}

const right = await recordedLines(model, standIn, HOOK)
const lineOf = (lines: readonly Line[], what: RegExp): Line => lines.find((line) => what.test(line.what))!

/** The lines of another model that are not within tolerance of the right one's numbers. */
async function red(wrong: OpenModel, recorded = standIn, expected = right): Promise<string[]> {
  const lines = await recordedLines(wrong, recorded, HOOK)
  return lines
    .filter(({ what, got, ...about }, i) => !nearly(what, expected[i].got, got, about).ok)
    .map(({ what }) => what)
}

/** The bundled model with other weights. */
async function withWeights(
  change: (name: string, read: (into: Float32Array, start: number) => Promise<void>) => typeof read,
): Promise<OpenModel> {
  const store = await (await findModel('tiny')).weights()
  const other: WeightStore = {
    ...store,
    get(name) {
      const source = store.get(name)
      return { ...source, read: change(name, (into, start) => source.read(into, start)) }
    },
  }
  const gpt2 = await loadGpt2(ops, other, model.gpt2.config)
  await store.close()
  return { ...model, gpt2 }
}

const test = suite('what others recorded')
test.after(() => ops.dispose())

test('the right model holds, on every line', async () => {
  assert.equal(await red(model), [])
  assert.ok(right.length > 30)
  assert.ok(
    right.every(
      ({ source, got, what }) => source !== '' && got.length > 0 && got.every(Number.isFinite) && what !== '',
    ),
  )
})

test('a flipped sign turns lines red: of all that the model computes', async () => {
  const flipped = await withWeights((name, read) =>
    name !== 'h.3.attn.c_proj.weight'
      ? read
      : async (into, start) => {
          await read(into, start)
          for (let i = 0; i < into.length; i++) into[i] *= -1
        },
  )
  const lines = await red(flipped)
  for (const what of [
    /log-probabilities/,
    /probabilities of the next/,
    /mean of all logits/,
    /after ln_f/,
    /logit differences/,
    /logit lens/,
    /part by part/,
    /head by head/,
    /centred logits/,
  ])
    assert.ok(
      lines.some((line) => what.test(line)),
      `${what}: ${lines.join('; ')}`,
    )
})

test('a shifted position turns lines red, its weights among them', async () => {
  const width = model.gpt2.config.dModel
  const shifted = await withWeights((name, read) =>
    name !== 'wpe.weight'
      ? read
      : async (into, start) => {
          const end = model.gpt2.config.nCtx * width
          const part = into.subarray(0, Math.min(into.length, end - start - width))
          await read(into, start)
          if (part.length > 0) await read(part, start + width)
        },
  )
  const lines = await red(shifted)
  for (const what of [
    /log-probabilities/,
    /wpe, row 0/,
    /probabilities of the next/,
    /logits at position 0/,
    / at each token/,
  ])
    assert.ok(
      lines.some((line) => what.test(line)),
      `${what}: ${lines.join('; ')}`,
    )
})

test('a dropped BOS turns every line red that has one', async () => {
  const { gpt2 } = model
  const dropped = {
    ...model,
    tokenize: (text: string) => model.tokenize(text).slice(1),
    gpt2: { ...gpt2, config: { ...gpt2.config, bos: 198 } },
  }
  const lines = await red(dropped)
  for (const what of [
    /log-probabilities/,
    /probabilities of the next/,
    /most probable first/,
    /logit differences/,
    /logit lens/,
    /part by part/,
    /head by head/,
    /centred logits/,
    /at BOS/,
  ])
    assert.ok(
      lines.some((line) => what.test(line)),
      `${what}: ${lines.join('; ')}`,
    )
})

test('each weight that is looked at turns its own line red', async () => {
  const names: Record<string, RegExp> = {
    'wte.weight': /^wte, row 0/, 'h.0.ln_1.weight': /^h\.0\.ln_1\.weight/, 'h.0.ln_1.bias': /^h\.0\.ln_1\.bias/,
    'h.0.attn.c_attn.bias': /^h\.0\.attn\.c_attn\.bias/, 'h.0.attn.c_attn.weight': /^h\.0\.attn\.c_attn\.weight/,
    'h.0.mlp.c_fc.bias': /^h\.0\.mlp\.c_fc\.bias/, 'h.0.mlp.c_proj.weight': /^h\.0\.mlp\.c_proj\.weight/,
    'ln_f.weight': /^ln_f\.weight/, 'ln_f.bias': /^ln_f\.bias/,
  } // prettier-ignore
  for (const [changed, line] of Object.entries(names)) {
    const wrong = await withWeights((name, read) =>
      name !== changed
        ? read
        : async (into, start) => {
            await read(into, start)
            for (let i = 0; i < into.length; i++) into[i] += 1e-3
          },
    )
    assert.ok(
      (await red(wrong)).some((what) => line.test(what)),
      changed,
    )
  }
})

test('attribution adds up: parts to the lens, stages to the logit difference, heads and biases to attention', async () => {
  const total = (numbers: readonly number[]) => numbers.reduce((sum, value) => sum + value, 0)
  const near = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-4, `${a}, expected ${b}`)
  const [lens, parts] = [lineOf(right, /logit lens/).got, lineOf(right, /part by part/).got]
  near(total(parts), lens.at(-1)!)
  near(lens[1] - lens[0], parts[2]) // what attention of block 0 adds
  near(lens[2] - lens[1], parts[3]) // and its MLP
  // The prompts come in pairs with the names swapped, so that what is the same for both, ln_f.bias's part, cancels in the mean.
  near(lens.at(-1)!, lineOf(right, /their mean/).got[0])
  // Names swapped, a constant vector's parts cancel too: what is left of attention is its heads'.
  const heads = lineOf(right, /head by head/).got
  const { nHeads } = model.gpt2.config
  for (let layer = 0; layer < 6; layer++) {
    const sum = total(heads.slice(layer * nHeads, (layer + 1) * nHeads))
    assert.ok(
      Math.abs(sum - parts[2 + 2 * layer]) < 0.05,
      `${layer}: ${sum}, attention ${parts[2 + 2 * layer]}`,
    )
  }
})

/** One prompt: in pairs with the names swapped, what is the same for both cancels, a bias left in a head's part among it. */
const onePrompt = { ...standIn, ioi: { ...standIn.ioi, prompts: standIn.ioi.prompts.slice(0, 1) } }
const alone = await recordedLines(model, onePrompt, HOOK)
const headsOf = (lines: readonly Line[]) => lineOf(lines, /head by head/).got
const closeTo = (got: readonly number[], wanted: readonly number[]): boolean =>
  got.every((value, i) => Math.abs(value - wanted[i]) < 2e-4)

/** The same model, in which heads hold no constant: what values have from biases is written by c_proj's bias. */
async function withoutValueBiases(): Promise<OpenModel> {
  const store = await (await findModel('tiny')).weights()
  const read = async (name: string) => (await readTensor(store.get(name))).data
  const { dModel, nLayers } = model.gpt2.config
  const added = new Map<string, Float32Array>()
  for (const layer of places(nLayers)) {
    const at = `h.${layer}`
    const [weight, bias, ln, out] = await Promise.all(
      ['attn.c_attn.weight', 'attn.c_attn.bias', 'ln_1.bias', 'attn.c_proj.weight'].map((name) =>
        read(`${at}.${name}`),
      ),
    )
    const constant = places(dModel).map((j) =>
      places(dModel).reduce(
        (sum, i) => sum + ln[i] * weight[i * 3 * dModel + 2 * dModel + j],
        bias[2 * dModel + j],
      ),
    )
    added.set(
      `${at}.attn.c_attn.bias`,
      Float32Array.from(bias, (_, j) => -(constant[j - 2 * dModel] ?? 0)),
    )
    added.set(
      `${at}.attn.c_proj.bias`,
      Float32Array.from(places(dModel), (k) =>
        constant.reduce((sum, value, j) => sum + value * out[j * dModel + k], 0),
      ),
    )
  }
  await store.close()
  return withWeights((name, read) => {
    const more = added.get(name)
    if (!more) return read
    return async (into, start) => {
      await read(into, start)
      for (let i = 0; i < into.length; i++) into[i] += more[start + i]
    }
  })
}

test('heads: without biases of values, centred, as hook_result of a model that has none', async () => {
  const bare = await withoutValueBiases()
  assert.ok(closeTo(headsOf(await recordedLines(bare, onePrompt, HOOK)), headsOf(alone)), 'the same model')
  const { ops, weights, config } = bare.gpt2
  const [, first, second, giver] = /^When (\w+) and (\w+) .*, (\w+) /.exec(onePrompt.ioi.prompts[0])!
  const ids = bare.tokenize(onePrompt.ioi.prompts[0])
  const names = places(config.nLayers).map((layer) => `blocks.${layer}.attn.hook_result`)
  const seen = await capture(bare.gpt2, [ids], [...names, 'ln_final.hook_scale'])
  const [right, wrong] = [first === giver ? second : first, giver].map(
    (name) => bare.tokenizer.encode(` ${name}`)[0],
  )
  const rows = await ops.download(await ops.embed(weights.lm_head, [right, wrong]))
  const { data: ln } = await ops.download(weights.ln_f.weight)
  const scale = seen.get('ln_final.hook_scale')!.data.at(-1)!
  const expected = names.flatMap((name) => {
    const result = seen.get(name)!.data.subarray(-config.nHeads * config.dModel) // of the last token
    return places(config.nHeads).map((head) => {
      const part = result.subarray(head * config.dModel, (head + 1) * config.dModel)
      const mean = part.reduce((sum, value) => sum + value, 0) / config.dModel
      return part.reduce(
        (sum, value, i) => sum + ((value - mean) * ln[i] * (rows.row(0)[i] - rows.row(1)[i])) / scale,
        0,
      )
    })
  })
  assert.ok(closeTo(headsOf(alone), expected), `${headsOf(alone).join()}, expected ${expected.join()}`)
  assert.ok(Math.max(...expected.map(Math.abs)) > 0.01)
})

test('a mean over d_model, which no LayerNorm lets through, is no part’s', async () => {
  const raised = await withWeights((name, read) =>
    name !== 'wpe.weight'
      ? read
      : async (into, start) => {
          await read(into, start)
          for (let i = 0; i < into.length; i++) into[i] += 0.5
        },
  )
  const lines = await recordedLines(raised, onePrompt, HOOK)
  for (const what of [/logit lens/, /part by part/, /head by head/])
    assert.ok(closeTo(lineOf(lines, what).got, lineOf(alone, what).got), String(what))
})

test('a value bias that is off turns attribution red', async () => {
  const { dModel } = model.gpt2.config
  const wrong = await withWeights((name, read) =>
    name !== 'h.3.attn.c_attn.bias'
      ? read
      : async (into, start) => {
          await read(into, start)
          for (let i = 0; i < into.length; i++) if (start + i >= 2 * dModel) into[i] += 0.2 * Math.sin(i)
        },
  )
  const lines = await red(wrong, onePrompt, alone)
  for (const what of [/logit lens/, /part by part/, /head by head/])
    assert.ok(
      lines.some((line) => what.test(line)),
      `${what}: ${lines.join('; ')}`,
    )
})

test('the published numbers are of GPT-2’s sizes, and the lines name their sources', () => {
  const { ioi, next_token_table: table } = published
  assert.is(ioi.direct_attribution_heads_12x12.flat().length, 144)
  assert.is(ioi.logit_lens_mean_difference.at.length, ioi.logit_lens_mean_difference.value.length)
  assert.is(
    ioi.direct_attribution_mean_difference.of.length,
    ioi.direct_attribution_mean_difference.value.length,
  )
  assert.is(table.strings.length, table.rank_and_probability_of_next.length + 1)
  // What was recorded adds up as ours does.
  const parts = ioi.direct_attribution_mean_difference.value.reduce((sum, value) => sum + value, 0)
  assert.ok(Math.abs(parts - ioi.mean) < 1e-3)
  assert.is(new Set(right.map(({ source }) => source)).size > 5, true)
})

test.run()
