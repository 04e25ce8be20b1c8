// Features taken out of the residual stream: every effect is recomputed by hand, and planted ones turn the sentences.
import { parseHTML } from 'linkedom'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { positiveEntries, toDense, type SparseRows } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { chooseFeatures } from '../../experiments/ablation/choose.ts'
import { contrasts, correlations } from '../../experiments/ablation/conclude.ts'
import { correlationsCsv, effectsCsv } from '../../experiments/ablation/csv.ts'
import { decoderRows } from '../../sae/decoder.ts'
import { liveEdit, removal, steering, type Edit } from '../../sae/edit.ts'
import { analyseLayer } from '../../experiments/lab/analysis/analyse-layer.ts'
import { tooFewForRanks, tooFewForSign } from '../../experiments/lab/analysis/statistics.ts'
import { findings, type Finding } from '../../experiments/ablation/findings.ts'
import { measureEdits } from '../../experiments/ablation/measure.ts'
import { ablate, chooseTexts, strongestPlace } from '../../experiments/ablation/ablate.ts'
import { renderAblationReport } from '../../experiments/ablation/ablation-page.ts'
import type { AblationResults, Effect, TestedFeature } from '../../experiments/ablation/effects.ts'
import { summaryTables } from '../../experiments/ablation/summary.ts'
import { createTokenizer } from '../../gpt2/tokenizer.ts'
import { decodePrompt, strongestSpecialists } from '../../experiments/ablation/continuations.ts'
import { featureColumns } from '../../experiments/lab/models/features.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import { generate } from '../../gpt2/generate.ts'
import { onHost, type Hook } from '../../gpt2/hooks.ts'
import { capture, run } from '../../gpt2/model.ts'
import { encode } from '../../sae/encoder.ts'
import { splice } from '../../sae/splice.ts'
import { reference as ops } from '../helpers/backends.ts'
import { HOSTILE, sampleReport } from '../helpers/report-sample.ts'
import { lossOfLogits } from '../helpers/loss.ts'

const test = suite('ablation')

const hook = 'blocks.3.hook_resid_pre'
const model = await openModel('tiny', ops, { quiet: true })
const sae = await model.openSae(hook)
const texts = ['def add(a, b):\n    return a', 'We hereby notify you', 'lol see you :)'].map((text) =>
  model.tokenize(text),
)

/** Logits with a hook on the stream. [tokens, dVocab] */
async function logitsWith(ids: readonly number[], intervene: Hook): Promise<Tensor> {
  let logits = Tensor.zeros([0])
  const read: Hook = async (x, ops) => void (logits = await ops.download(x))
  await run(model.gpt2, [ids], { [hook]: intervene, logits: read })
  return logits
}

async function featuresOf(ids: readonly number[]): Promise<SparseRows> {
  const stream = (await capture(model.gpt2, [ids], [hook])).get(hook)!
  return encode(ops, sae, ops.upload(stream))
}

/** The feature with the highest activation behind BOS. */
function strongest(features: SparseRows): number {
  const dense = toDense(features)
  const rows = dense.rows(1, dense.shape[0])
  return rows.data.indexOf(rows.data.reduce((most, value) => Math.max(most, value), 0)) % dense.shape[1]
}

async function editOf(feature: number): Promise<Edit> {
  const direction = (await decoderRows(sae, [feature])).row(0)
  const activations = await Promise.all(
    texts.map(async (ids) => featureColumns(await featuresOf(ids), [ids.length], [feature]).get(feature)![0]),
  )
  return { hook, direction, coefficients: removal(activations) }
}

test('loss, KL and flips are those of the stream minus f_j W_dec[j], computed by hand on the host', async () => {
  const feature = strongest(await featuresOf(texts[0]))
  const edit = await editOf(feature)
  const { clean, effects } = await measureEdits(model.gpt2, texts, [edit])
  const { data: table } = await tableOf()
  for (const [text, ids] of texts.entries()) {
    const f = toDense(await featuresOf(ids))
    const row = table.subarray(feature * sae.config.dIn, (feature + 1) * sae.config.dIn)
    const byHand = addByHand(row, (t) => -f.row(t)[feature])
    const before = await logitsWith(ids, async () => {})
    const after = await logitsWith(ids, byHand)
    const change = lossOfLogits(after, ids) - lossOfLogits(before, ids)
    near(clean[text] / (ids.length - 1), lossOfLogits(before, ids), 1e-7) // the op gives float32
    near(effects[0][text].loss / (ids.length - 1), change, 1e-5)
    const [p, q] = [ops.softmax(ops.upload(before)), ops.softmax(ops.upload(after))]
    const [before1, after1] = [await ops.download(await p), await ops.download(await q)]
    let [kl, flips] = [0, 0]
    for (let t = 1; t < ids.length; t++) {
      const [a, b] = [before1.row(t), after1.row(t)]
      for (let id = 0; id < a.length; id++) kl += a[id] * Math.log(a[id] / b[id])
      flips += a.indexOf(Math.max(...a)) === b.indexOf(Math.max(...b)) ? 0 : 1
    }
    near(effects[0][text].kl, kl, 1e-5)
    assert.is(effects[0][text].flips, flips)
  }
  assert.ok(Math.abs(effects[0][0].loss) > 1e-3, 'the feature must do something for this to mean anything')
})

test('loss equals that of an SAE spliced in with the feature set to zero, its error given back', async () => {
  const feature = strongest(await featuresOf(texts[1]))
  const { effects } = await measureEdits(model.gpt2, texts, [await editOf(feature)])
  const without = (features: SparseRows): SparseRows => {
    const values = features.values.slice()
    for (let entry = features.offsets[1]; entry < values.length; entry++)
      if (features.indices[entry] === feature) values[entry] = 0
    return { ...features, values }
  }
  const spliced: Hook = async (x, ops) => {
    const error = await ops.subtract(x, (await splice(sae, hook)[hook](x, ops))!)
    return ops.add((await splice(sae, hook, without)[hook](x, ops))!, error)
  }
  for (const [text, ids] of texts.entries()) {
    const change =
      lossOfLogits(await logitsWith(ids, spliced), ids) -
      lossOfLogits(await logitsWith(ids, async () => {}), ids)
    near(effects[0][text].loss / (ids.length - 1), change, 1e-5)
  }
  assert.ok(Math.abs(effects[0][1].loss) > 1e-3)
})

test('steering adds the multiple everywhere but at BOS; where nothing changes, nothing is run', async () => {
  const direction = (await decoderRows(sae, [5])).row(0)
  const lengths = texts.map(({ length }) => length)
  const still = texts.map(({ length }) => new Float32Array(length))
  const up: Edit = { hook, direction, coefficients: steering(lengths, 1.5) }
  const { effects } = await measureEdits(model.gpt2, texts, [up, { hook, direction, coefficients: still }])
  const byHand = addByHand(direction, () => 1.5)
  for (const [text, ids] of texts.entries()) {
    const change =
      lossOfLogits(await logitsWith(ids, byHand), ids) -
      lossOfLogits(await logitsWith(ids, async () => {}), ids)
    near(effects[0][text].loss / (ids.length - 1), change, 1e-5)
    assert.equal(effects[1][text], { loss: 0, kl: 0, flips: 0 })
  }
})

test('what is written with a feature off, or up, is what the whole text edited by hand says', async () => {
  const prompt = texts[0]
  const feature = strongest(await featuresOf(prompt))
  const direction = (await decoderRows(sae, [feature])).row(0)
  for (const change of [
    { kind: 'off', onFiring: () => {} },
    { kind: 'up', coefficient: 3 },
  ] as const) {
    const hooks = liveEdit(sae, feature, direction, change)
    const made = await Array.fromAsync(generate(model.gpt2, prompt, 4, { temperature: 0, hooks }))
    for (const [i, id] of made.entries()) {
      const all = [...prompt, ...made.slice(0, i)] // without a cache: all of it again
      const f = toDense(await featuresOf(all))
      const multiple = (t: number) => (change.kind === 'up' ? change.coefficient : -f.row(t)[feature])
      const logits = await logitsWith(all, addByHand(direction, multiple))
      const last = logits.row(all.length - 1)
      assert.is(last.indexOf(Math.max(...last)), id, `${change.kind}, token ${i}`)
    }
  }
})

test('BOS is left as it is, whatever fires there', async () => {
  assert.equal(
    removal([Float32Array.of(9, 1, 0, 2)]).map((text) => [...text]),
    [[0, -1, -0, -2]],
  )
  assert.equal(
    steering([3], 2).map((text) => [...text]),
    [[0, 2, 2]],
  )
  const dense = toDense(await featuresOf(texts[0]))
  const atBos = dense.row(0).indexOf(Math.max(...dense.row(0)))
  assert.ok(dense.row(0)[atBos] > 0)
  const direction = (await decoderRows(sae, [atBos])).row(0)
  for (const change of [
    { kind: 'off', onFiring: () => {} },
    { kind: 'up', coefficient: 3 },
  ] as const) {
    const stream = (await capture(model.gpt2, [texts[0].slice(0, 2)], [hook])).get(hook)!
    const edit = liveEdit(sae, atBos, direction, change)[hook]
    const edited = await ops.download((await edit(ops.upload(stream), ops))!)
    assert.equal(edited.row(0), stream.row(0))
    const next = await ops.download((await edit(ops.upload(stream.rows(0, 1)), ops))!) // as if it came later
    assert.not.equal(next.row(0), stream.row(0))
  }
})

test('the texts measured on: so many of each category, by the seed', () => {
  const categories = [
    { name: 'a', rows: [0, 1, 2, 3, 4, 5] },
    { name: 'b', rows: [6, 7] },
  ]
  const draw = (seed: number) => chooseTexts(categories, { textsPerCategory: 3, seed })
  assert.equal(draw(1), draw(1))
  assert.not.equal(draw(1), draw(2))
  assert.equal(
    draw(1).map(({ rows }) => rows.length),
    [3, 2],
  )
  assert.ok(draw(1)[0].rows.every((row) => row < 6))
})

test('a prompt ends at the strongest token among the beginnings of all texts', () => {
  const late = new Float32Array(40).fill(9, 33)
  assert.equal(strongestPlace([Float32Array.of(0, 2, 5, 3), late, Float32Array.of(0, 5, 4)]), {
    text: 0,
    position: 2,
  })
  assert.is(strongestPlace([late, new Float32Array(3)]), null)
})

const small = await ablate(
  model,
  {
    ids: [...texts, ...['x = y + 1', 'Dear Sir or Madam', 'omg yes'].map((text) => model.tokenize(text))],
    categories: ['Python', 'Formal', 'Social'].map((name, i) => ({ name, rows: [i, i + 3] })),
  },
  ['blocks.1.hook_resid_pre', hook],
  {
    threshold: { kind: 'quantile', q: 0.9 },
    textsPerCategory: 2,
    random: 2,
    strength: 2,
    resamples: 50,
    seed: 4,
  },
  true,
)

test('a specialist and its random features per category and layer, none twice, of about one size', () => {
  assert.is(small.features.length, 2 * 3 * 3)
  for (const layer of [1, 3]) {
    const tested = small.features.filter((one) => one.layer === layer)
    const specialists = new Set(
      tested.filter(({ kind }) => kind === 'specialist').map(({ feature }) => feature),
    )
    const random = tested.filter(({ kind }) => kind === 'random')
    assert.is(new Set(random.map(({ feature }) => feature)).size, random.length)
    for (const one of random) {
      assert.not(specialists.has(one.feature))
      const beside = tested.find(({ kind, category }) => kind === 'specialist' && category === one.category)!
      assert.is(one.steering_length, beside.steering_length)
      assert.ok(one.fires_in > 0 && Math.abs(Math.log(one.size / beside.size)) < 1.5)
    }
  }
})

test('each feature is turned up so many times its specialist’s mean where that fires, and its texts are counted', async () => {
  const ids = [...texts, ...['x = y + 1', 'Dear Sir or Madam', 'omg yes'].map((text) => model.tokenize(text))]
  const lengths = ids.map(({ length }) => length)
  const stream = (await capture(model.gpt2, ids, [hook])).get(hook)!
  const features = await encode(ops, sae, ops.upload(stream))
  for (const one of small.features.filter(({ layer }) => layer === 3)) {
    const rows = [0, 3].map((row) => row + ['Python', 'Formal', 'Social'].indexOf(one.category))
    const specialist = small.features.find(
      ({ kind, layer, category }) => kind === 'specialist' && layer === 3 && category === one.category,
    )!
    const columnOf = (feature: number) => featureColumns(features, lengths, [feature]).get(feature)!
    const firing = rows.flatMap((row) => [...columnOf(specialist.feature)[row]]).filter((value) => value > 0)
    const direction = (await decoderRows(sae, [specialist.feature])).row(0)
    const mean = firing.reduce((sum, value) => sum + value, 0) / firing.length
    near(one.steering_length / (2 * mean * Math.hypot(...direction)), 1, 1e-5)
    const own = columnOf(one.feature)
    assert.is(one.fires_in, rows.filter((row) => own[row].some((value) => value !== 0)).length)
  }
})

test('two random features are of the eight nearest in size, their vectors as long as the specialist’s', () => {
  // Text 0 is all that category a has: feature 0 is its specialist, and feature f has the size of f times its norm, 2.
  // Text 1 makes features 1 and 12 fire, of which 12 is the specialist of b.
  const texts = [
    [13, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
    [0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11],
  ]
  const means = positiveEntries(Tensor.of([2, 13], texts.flat()))
  const categories = ['a', 'b'].map((name, row) => ({ name, rows: [row] }))
  const layer = {
    ...{ analysis: analyseLayer(means, categories, 0.5, 0), categories, means, firingMean: () => 3 },
    norms: new Map(texts[0].map((_, feature) => [feature, 2])),
  }
  const chosen = Array.from({ length: 60 }, (_, seed) =>
    chooseFeatures(layer, { random: 2, strength: 5, seed }),
  )
  const ofA = chosen.flat().filter(({ category }) => category === 'a')
  const distinct = [...new Set(ofA.map(({ feature }) => feature))].sort((a, b) => a - b)
  assert.equal(distinct, [0, 4, 5, 6, 7, 8, 9, 10, 11])
  assert.ok(chosen.flat().every(({ steering_length }) => steering_length === 5 * 3 * 2))
})

test('a single specialist is enough', async () => {
  const settings = { textsPerCategory: 1, random: 0, strength: 1, resamples: 5, seed: 0 }
  const one = { ids: texts.slice(0, 1), categories: [{ name: 'Python', rows: [0] }] }
  const few = await ablate(model, one, [hook], { threshold: { kind: 'value', value: 0 }, ...settings }, true)
  assert.is(few.features.length, 1)
})

/** Results in which score and effect rise together (1), in opposite order (-1) or have nothing to do (0). */
function planted(sign: 1 | 0 | -1, names = ['a', 'b'], layers = [1, 2]): AblationResults {
  const none: Effect = { loss: 0, kl: 0, flips: 0 }
  const features = layers.flatMap((layer) =>
    Array.from({ length: 12 }, (_, i): TestedFeature => {
      const order = sign === 0 ? [3, 11, 0, 8, 5, 6, 7, 2, 9, 1, 10, 4][i] : sign * i
      const category = names[i % 2]
      const effect: Effect = { loss: order / 100, kl: Math.abs(order) / 50, flips: 0.25 }
      const effects = names.map((name) => ({ category: name, ...(name === category ? effect : none) }))
      const kind = i >= 10 ? 'specialist' : 'random'
      const rest = {
        token: ` t${i}`,
        auroc: i / 12,
        size: 1,
        steering_length: 2,
        fires_in: 1,
        layer,
        strongest: null,
      }
      return { feature: i, kind, category, score: i, ...rest, removed: effects, steered: effects }
    }),
  )
  const draws = { resamples: 400, seed: 1 }
  return {
    settings: { texts_per_category: 1, random: 5, strength: 2, ...draws },
    categories: [
      { category: names[0], texts: [0], tokens: 5, loss: 4 },
      { category: names[1], texts: [1], tokens: 6, loss: 3 },
    ],
    without_specialist: [],
    features,
    contrasts: contrasts(features, draws),
    correlations: correlations(features, draws),
    generations: [],
  }
}

const saidOf = (found: readonly Finding[]): string =>
  found.map(({ sentence, figures }) => `${sentence} ${figures}`).join('\n')
const answerOf = (results: AblationResults): string => saidOf(findings(results).slice(0, 1))

test('a planted order turns the answer, and a planted difference each comparison', () => {
  assert.match(
    answerOf(planted(1)),
    /matters most: .* in 2 of 2 layers\. .* is \+1\.00 .*24 features, mean of 2 layers/,
  )
  assert.match(answerOf(planted(-1)), /the reverse is true: .* in 0 of 2 layers\. .* is −1\.00 /)
  assert.match(answerOf(planted(0)), /cannot be told from these features whether/)
  const flat = planted(1).features.map((one) => ({ ...one, score: 3 }))
  const unvaried = {
    ...planted(1),
    features: flat,
    correlations: correlations(flat, { resamples: 9, seed: 1 }),
  }
  assert.match(answerOf(unvaried), /do not vary/)
  const said = (sign: 1 | 0 | -1) => saidOf(findings(planted(sign, ['a', 'b'], [1, 2, 3])))
  assert.match(said(1), /more than removing random .*\. By \+0\.1050 nats per token/)
  assert.match(said(-1), /less than removing random .*\. By −0\.1050 nats per token/)
  assert.match(said(0), /not clearly more or less than removing random/)
  assert.match(said(1), /own category’s texts more than the loss on the texts of the other .* \+0\.1050 /)
  assert.match(said(1), /predictions further where it is more selective/)
  assert.match(
    said(1),
    /feature 10 “·t10” of layer 1 changes the most predictions .*: 25 % of those on texts of a/,
  )
})

test('scores that do not vary tell nothing', () => {
  const results = planted(1)
  const features = results.features.map((one) => ({ ...one, score: 3 }))
  const draws = { resamples: 50, seed: 1 }
  const [answer] = findings({ ...results, features, correlations: correlations(features, draws) })
  assert.not(answer.told)
  assert.match(answer.sentence, 'scores or effects of the 24 tested features do not vary')
})

test('what could not have come out otherwise cannot be told: a few pairs, a few features', () => {
  // Four differences have one sign by chance in 2 of 16 cases, six in 2 of 64; three ranks are in order in 2 of 6.
  assert.equal([1, 5, 6].map(tooFewForSign), [true, true, false])
  assert.equal([[3], [4], [5], [3, 3], [2, 2, 2, 2, 2]].map(tooFewForRanks), [true, true, false, true, true]) // prettier-ignore
  assert.equal([[3, 4], [2, 2, 2, 2, 2, 2]].map(tooFewForRanks), [false, false]) // prettier-ignore
  const said = saidOf(findings(planted(1)))
  assert.match(
    said,
    'changes the loss on its texts more or less than removing random active features of about the same size cannot be told from 4 pairs',
  )
  const features = planted(1).features.filter(({ layer, feature }) => layer === 1 && feature < 4)
  const few = { ...planted(1), features, correlations: correlations(features, { resamples: 9, seed: 1 }) }
  assert.match(
    answerOf(few),
    /^It cannot be told whether .*, because the features are too few: .*\. .* is \+1\.00/,
  )
})

test('the specialist of one category is held against those of the others, on its texts', () => {
  const [contrast] = contrasts(planted(1).features, { resamples: 9, seed: 1 }).filter(
    ({ name }) => name === 'other_specialists',
  )
  assert.equal([contrast.pairs, contrast.other], [4, 0])
  near(contrast.specialist, 0.105, 1e-12)
})

test('only the layer’s own features are ranked together, and the mean of layers stands last', () => {
  const rows = small.correlations.filter(
    ({ predictor, effect }) => predictor === 'size' && effect === 'removed_kl',
  )
  assert.equal(
    rows.map(({ layer }) => layer),
    [1, 3, null],
  )
  near(rows[2].rho!.value, (rows[0].rho!.value + rows[1].rho!.value) / 2, 1e-12)
  for (const { rho } of rows) assert.ok(rho!.interval[0] <= rho!.value && rho!.value <= rho!.interval[1])
})

test('on the terminal: what the specialist costs, and the mean of its random features', () => {
  // The specialists, 10 and 11 of each layer, cost 0.10 and 0.11; the random features of a 0 to 0.08, those of b 0.01 to 0.09.
  const told = summaryTables(planted(1))
  for (const [name, cell] of [
    ['a', '#10 +0.100 (+0.040)'],
    ['b', '#11 +0.110 (+0.050)'],
  ])
    // prettier-ignore
    assert.match(told, new RegExp(`│ ${name} +│ ${cell.replace(/[+()]/g, '\\$&')} │ ${cell.replace(/[+()]/g, '\\$&')} │`))
  const alone = planted(1).features.filter(({ kind, category }) => kind === 'specialist' && category === 'a')
  assert.match(
    summaryTables({ ...planted(1), features: alone }),
    /│ a +│ #10 \+0.100 │ .*\n│ +│ “·t10” +│ .*\n│ b +│ – +│ – /,
  )
})

test('the strongest specialists, each once', () => {
  const twice = planted(1).features.flatMap((one) => [one, one])
  const found = strongestSpecialists(twice, 3)
  assert.equal(
    found.map(({ layer, feature }) => [layer, feature]),
    [
      [1, 11],
      [2, 11],
      [1, 10],
    ],
  )
})

test('a character that the prompt begins and the continuation completes is shown whole', async () => {
  const tokenizer = await createTokenizer()
  const ids = tokenizer.encode('maybe “bro')
  const half = ids.indexOf(564) // a space and the first two bytes of the quotation mark
  const { prompt, decode } = decodePrompt({ tokenizer }, [tokenizer.endOfText, ...ids.slice(0, half + 1)])
  assert.is(prompt, 'maybe ')
  assert.is(ids.slice(half + 1).map((id) => decode(id)).join('') + decode(), '“bro') // prettier-ignore
})

test('hostile names and texts: the report has as many elements as a tame one, the tables stay tables', () => {
  const generation = {
    layer: 1,
    feature: 3,
    token: HOSTILE[4],
    category: HOSTILE[1],
    fires: false,
    off: HOSTILE[2],
    up: HOSTILE[5],
  }
  const page = (hostile: boolean) => {
    const results = planted(1, hostile ? [HOSTILE[0], HOSTILE[1]] : ['a', 'b'])
    results.generations.push({ ...generation, prompt: HOSTILE[3], text: 1, as_it_is: HOSTILE[0] })
    return {
      results,
      html: renderAblationReport({
        ...sampleReport({ hostile }),
        links: [],
        findings: findings(results),
        results,
      }),
    }
  }
  const [tame, hostile] = [page(false), page(true)]
  const count = (html: string, selector: string) => parseHTML(html).document.querySelectorAll(selector).length
  for (const name of ['svg', 'table', 'figure', 'section', 'h2', 'script', 'img', 'style', 'circle'])
    assert.is(count(hostile.html, name), count(tame.html, name), name)
  assert.is(count(hostile.html, 'script, img'), 0)
  assert.not.match(summaryTables(hostile.results), /\u001b/)
  assert.is(effectsCsv(tame.results).trim().split('\n').length, 1 + 24 * 2 * 2)
  assert.is(correlationsCsv(tame.results).trim().split('\n').length, 1 + 9 * 3)
})

/** Adds multiple(t) * direction to each row but the first, number by number. */
function addByHand(direction: Float32Array, multiple: (t: number) => number): Hook {
  return onHost((x) => {
    const out = Tensor.of(x.shape, x.data)
    for (let t = 1; t < x.shape[0]; t++)
      out.row(t).forEach((value, i, row) => (row[i] = value + multiple(t) * direction[i]))
    return out
  })
}

async function tableOf(): Promise<Tensor> {
  const all = Array.from({ length: sae.config.dSae }, (_, feature) => feature)
  return ops.download(await ops.embed(sae.W_dec, all))
}

function near(got: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(got - expected) <= tolerance, `${got} is not ${expected} within ${tolerance}`)
}

test.run()
