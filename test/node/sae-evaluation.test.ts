// What `npm run sae-quality` measures: against SAELens' own evaluation, and against plain loops, a text at a time.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openFile } from '../../engine/weights/files-node.ts'
import { openSafetensors } from '../../engine/weights/safetensors.ts'
import { readTensor } from '../../engine/weights/weights.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { densityBins } from '../../experiments/sae-quality/density.ts'
import { measureThoroughly, type Losses } from '../../experiments/sae-quality/measure.ts'
import { parseConfig } from '../../gpt2/config.ts'
import { onHost, type HookTable } from '../../gpt2/hooks.ts'
import { capture, loadGpt2, run } from '../../gpt2/model.ts'
import { parseSaeConfig } from '../../sae/config.ts'
import { splice } from '../../sae/splice.ts'
import { loadSae } from '../../sae/weights.ts'
import { reference, startBackends } from '../helpers/backends.ts'
import { logProbability } from '../helpers/loss.ts'
import { randomIds, smallConfig, smallGpt2 } from '../helpers/small-gpt2.ts'
import { randomSaeTensors, saeOf, storeOf } from '../helpers/small-sae.ts'

const folder = join(import.meta.dirname, '../reference/saelens')
const text = (...path: string[]): string => readFileSync(join(folder, ...path), 'utf8')
async function read(...path: string[]): Promise<Record<string, Tensor>> {
  const store = await openSafetensors(await openFile(join(folder, ...path)))
  const tensors: Record<string, Tensor> = {}
  for (const name of store.names()) tensors[name] = await readTensor(store.get(name))
  await store.close()
  return tensors
}
const saePublished = () => undefined

/** run_evals of SAELens 6.54: test/reference/make-sae-fixtures.py */
const recorded = JSON.parse(text('evals.json')) as {
  texts: number[][]
  saes: Record<string, Record<string, number> & { density: number[] }>
}
/** Of each of SAELens' numbers, ours. */
const LOSSES: Readonly<Record<string, keyof Losses>> = {
  ce_loss_without_sae: 'ce_clean',
  ce_loss_with_sae: 'ce_spliced',
  ce_loss_with_ablation: 'ce_zero_ablated',
  ce_loss_score: 'ce_recovered_of_zero',
  kl_div_with_sae: 'kl_spliced',
  kl_div_with_ablation: 'kl_zero_ablated',
}

function near(got: number, wanted: number, what: string, limit = 1e-5): void {
  assert.ok(Math.abs(got - wanted) <= limit * (1 + Math.abs(wanted)), `${what} is ${got}, expected ${wanted}`)
}

const all = await startBackends()
const weights = storeOf(await read('model', 'model.safetensors'))
const config = parseConfig(text('model', 'config.json'))
const models = await Promise.all(all.map((ops) => loadGpt2(ops, weights, config)))
const small = await smallGpt2(reference)

for (const gpt2 of models) {
  const { ops } = gpt2
  const test = suite(`SAELens’ evaluation: ${ops.name}`)
  for (const [name, expected] of Object.entries(recorded.saes))
    test(`${name}: every number of it`, async () => {
      const config = parseSaeConfig(text('saes', name, 'cfg.json'), name)
      const tensors = storeOf(await read('saes', name, 'sae_weights.safetensors'))
      const openSae = () => loadSae(ops, tensors, config)
      const [measured] = await measureThoroughly({ gpt2, openSae, saePublished }, recorded.texts, [
        config.hookName,
      ])
      near(measured.l0, expected.l0, 'L0')
      near(measured.l1, expected.l1, 'L1')
      near(measured.explained_variance, expected.explained_variance, 'explained variance')
      near(measured.mse, expected.mse, 'MSE')
      near(measured.cosine, expected.cossim, 'cosine')
      assert.is(measured.dead_features, expected.density.filter((share) => share === 0).length)
      assert.is(measured.dense_features, expected.density.filter((share) => share > 0.1).length)
      const { saelens } = measured.losses
      // A quotient of small differences: what float32 leaves of their digits.
      const lost = Math.abs(saelens.ce_zero_ablated - saelens.ce_clean)
      for (const [theirs, ours] of Object.entries(LOSSES))
        near(saelens[ours], expected[theirs], theirs, theirs === 'ce_loss_score' ? 1e-6 / Math.min(0.1, lost) : 1e-5) // prettier-ignore
    })
  test.after(() => ops.dispose())
  test.run()
}

const HOOK = 'blocks.1.hook_resid_pre'
const texts = Array.from({ length: 40 }, (_, i) => [smallConfig.bos!, ...randomIds(2 + (i % 20), i)])

/** Losses a token of one text, and KL(clean || changed), from whole logits. */
async function predictions(ids: number[], hooks: HookTable) {
  const logitsWith = async (table: HookTable) => {
    let logits: Tensor
    await run(small, [ids], { ...table, logits: async (x, ops) => void (logits = await ops.download(x)) })
    return ids.map((_, t) => logits.row(t))
  }
  const [clean, changed] = [await logitsWith({}), await logitsWith(hooks)]
  const ce = ids.slice(1).map((id, t) => -logProbability(changed[t], id))
  const kl = clean.map((row, t) => {
    const [p, q] = [row, changed[t]].map((logits) =>
      Float64Array.from(logits, (_, id) => logProbability(logits, id)),
    )
    return p.reduce((sum, log, id) => sum + Math.exp(log) * (log - q[id]), 0)
  })
  return { ce, kl }
}

/** Means over all texts' predictions, from the `first` of each on. */
async function means(hooksFor: (ids: number[]) => HookTable | Promise<HookTable>, first: number) {
  const all = []
  for (const ids of texts) all.push(await predictions(ids, await hooksFor(ids)))
  const mean = (numbers: number[]) => numbers.reduce((sum, value) => sum + value, 0) / numbers.length
  return {
    ce: mean(all.flatMap(({ ce }) => ce.slice(first))),
    kl: mean(all.flatMap(({ kl }) => kl.slice(first))),
  }
}

const loops = suite('SAE evaluation')

loops('both conventions, with plain loops: what is replaced, and whose predictions are scored', async () => {
  const tensors = randomSaeTensors(smallConfig.dModel, 33, 4)
  const model = { gpt2: small, openSae: () => saeOf(reference, tensors), saePublished }
  const steps: number[] = []
  const [{ losses, tokens }] = await measureThoroughly(model, texts, [HOOK], (done) => steps.push(done))
  assert.is(steps.at(-1), 2 * texts.flat().length)
  assert.is(tokens, texts.flat().length - texts.length)
  const sae = await saeOf(reference, tensors)
  const streams = await Promise.all(
    texts.map(async (ids) => (await capture(small, [ids], [HOOK])).get(HOOK)!),
  )
  const mean = Array.from({ length: smallConfig.dModel }, (_, i) => {
    const values = streams.flatMap((x) => Array.from({ length: x.shape[0] - 1 }, (_, t) => x.row(t + 1)[i]))
    return values.reduce((sum, value) => sum + value, 0) / values.length
  })
  /** Every row from `first` on becomes what `row` says. */
  const put = (first: number, row: (t: number, i: number) => number): HookTable => ({
    [HOOK]: onHost((x) => {
      for (let t = first; t < x.shape[0]; t++) x.data.set(Array.from(x.row(t), (_, i) => row(t, i)), t * x.shape[1]) // prettier-ignore
      return x
    }),
  })
  const spliced = async (ids: number[], first: number) => {
    let rebuilt: Tensor
    const keep: HookTable = { [HOOK]: [splice(sae, HOOK)[HOOK], async (x, ops) => void (rebuilt = await ops.download(x))] } // prettier-ignore
    await run(small, [ids], keep)
    return put(first, (t, i) => rebuilt.row(t)[i])
  }
  for (const [convention, first] of [
    ['clearbox', 0],
    ['saelens', 1],
  ] as const) {
    const clean = await means(() => ({}), first)
    const sae = await means((ids) => spliced(ids, first), first)
    const zero = await means(() => put(0, () => 0), first)
    const average = await means(() => put(first, (_, i) => mean[i]), first)
    const expected: Losses = {
      ...{ ce_clean: clean.ce, ce_spliced: sae.ce, ce_zero_ablated: zero.ce, ce_mean_ablated: average.ce },
      ce_recovered_of_zero: (zero.ce - sae.ce) / (zero.ce - clean.ce),
      ce_recovered_of_mean: (average.ce - sae.ce) / (average.ce - clean.ce),
      ...{ kl_spliced: sae.kl, kl_zero_ablated: zero.kl, kl_mean_ablated: average.kl },
    }
    for (const name of Object.keys(expected) as (keyof Losses)[])
      near(losses[convention][name], expected[name], `${convention}: ${name}`, name.includes('recovered') ? 1e-4 : 2e-6) // prettier-ignore
  }
  assert.ok(Math.abs(losses.clearbox.ce_spliced - losses.saelens.ce_spliced) > 1e-3, 'the two differ')
})

loops('density: each feature that fires is in the bin of its share, on one token and on all', () => {
  const { edges, counts } = densityBins(Float64Array.of(0, 0.01, 0.01, 0.1, 0.09, 1, 0), 100)
  assert.equal([edges[0], edges.at(-1), edges.length], [-2, 0, 9])
  assert.equal(counts, [2, 0, 0, 1, 1, 0, 0, 1])
  assert.equal(densityBins(Float64Array.of(1), 1), { edges: [-0.25, 0], counts: [1] })
})
loops.run()
