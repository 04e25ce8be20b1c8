// `bench layers`, the default: times a model layer by layer, and the SAE in its middle.
import type { Backend } from '../engine/backend.ts'
import { createBackend } from '../engine/backends.ts'
import type { Tensor } from '../engine/tensor.ts'
import { integerIn, listOf, positiveInteger } from '../experiments/lab/cli/cli.ts'
import { UserError } from '../experiments/lab/cli/user-error.ts'
import { openModel, type OpenModel } from '../experiments/lab/models/models.ts'
import { withBackend, type EngineOptions } from '../experiments/lab/models/engine-options.ts'
import { createProgress } from '../experiments/lab/cli/progress.ts'
import { capture, run } from '../gpt2/model.ts'
import { reconstruct } from '../sae/decoder.ts'
import { encode } from '../sae/encoder.ts'
import type { Sae } from '../sae/weights.ts'
import { addModel, showRange, type Benchmark, type CommonOptions } from './benchmark.ts'
import { wrapOps } from './wrap-ops.ts'
import { modelParts, pairWeights, partNamer, saeParts } from './model-parts.ts'
import { makeRow, threadsOf, type Ceiling, type Row } from './rows.ts'
import { measureRoofline } from './roofline.ts'
import { PartTimes } from './part-times.ts'
import { alternate, budgetOf, shortRuns, type Budget } from './timing.ts'
import { spreadIds } from './model-pass.ts'
import { verifier } from './verify.ts'

interface LayersOptions extends EngineOptions {
  readonly tokens?: readonly number[]
  readonly layers: readonly number[]
}

const usualTokens = [1, 16, 128, 512]
const quickTokens = [1, 16]

/** A model and one of its SAEs on a backend. */
interface Subject {
  readonly model: OpenModel
  readonly sae: Sae
  readonly hook: string
}

export const layers: Benchmark<LayersOptions> = {
  name: 'layers',
  description: 'layer by layer through a model and an SAE; the default',
  addOptions: (command) =>
    addModel(command)
      .option(
        '--tokens <list>',
        'how many tokens at once (default: 1,16,128,512; quick: 1,16)',
        listOf('tokens', positiveInteger('tokens')),
      )
      .option(
        '--layers <list>',
        'blocks that get rows of their own besides the sum over all',
        listOf('layers', integerIn('layer', 0)),
        [],
      ),

  async run(options) {
    const { quick, quiet, layers } = options
    return withBackend(options, async (ops) => {
      const threads = threadsOf(ops)
      const roofline = await measureRoofline({ threads, quick })
      const subject = await openSubject(ops, options)
      const { nCtx, nLayers } = subject.model.gpt2.config
      const counts = options.tokens ?? (quick ? quickTokens : usualTokens).filter((count) => count <= nCtx)
      if (Math.max(...counts) > nCtx)
        throw new UserError(`--tokens ${counts.join()}: ${options.model} has only ${nCtx} positions`)
      if (Math.max(...layers) >= nLayers)
        throw new UserError(`--layers ${layers.join()}: ${options.model} has blocks 0 to ${nLayers - 1}`)
      await verifySubject(subject, ops, counts, options)
      const budget = budgetOf(quick)
      const total = counts.length * budget.rounds * 2
      using progress = createProgress({ label: 'measuring', total, unit: 'runs', quiet })
      const setting = { ceiling: roofline.ceiling(threads), layers, budget, onRun: () => progress.step() }
      const rows = [...roofline.rows]
      for (const tokens of counts) rows.push(...(await measure(subject, ops, tokens, setting)))
      return { rows }
    })
  },

  summary({ rows }) {
    const passes = rows.filter(({ work }) => work === 'forward pass')
    const shares = showRange(passes.map(({ roofline }) => roofline!))
    const counts = passes.map(({ shape }) => shape).join(', ')
    return `ours is ${shares} times as fast as the roofline allows, in passes of ${counts} tokens`
  },
}

async function openSubject(ops: Backend, source: LayersOptions & CommonOptions): Promise<Subject> {
  const model = await openModel(source.model, ops, source)
  if (model.saeHooks.length === 0)
    throw new UserError(
      `bench: ${source.model} has no SAE beside it (a folder sae/ with one SAELens folder per hook)`,
    )
  const hook = model.saeHooks[Math.floor(model.saeHooks.length / 2)]
  return { model, sae: await model.openSae(hook), hook }
}

/** The forward pass, with all logits. */
async function forward({ model }: Subject, ops: Backend, ids: readonly number[]): Promise<void> {
  await run({ ...model.gpt2, ops }, [ids], { logits: async () => {} })
}

/** The SAE's encoder and decoder. stream [tokens, d_in] */
async function through({ sae }: Subject, ops: Backend, stream: Tensor): Promise<void> {
  await ops.scope(async (ops) => {
    const x = ops.upload(stream)
    const features = await encode(ops, sae, x)
    await reconstruct(ops, sae, x, features)
  })
}

/** Every op of every layer, at every number of tokens, against the reference. The reference itself counts as right. */
async function verifySubject(
  subject: Subject,
  ops: Backend,
  counts: readonly number[],
  source: LayersOptions & CommonOptions,
): Promise<void> {
  if (ops.name === 'reference') return
  const reference = await createBackend('reference')
  const twin = await openSubject(reference, source)
  const parts = allParts(subject)
  const twins = pairWeights(parts, allParts(twin))
  const checked = wrapOps(ops, verifier(ops, reference, twins, partNamer(parts)))
  for (const tokens of counts) {
    const ids = spreadIds(subject.model.gpt2.config, tokens)
    await forward(subject, checked, ids)
    await through(subject, checked, await streamOf(subject, ids))
  }
}

function allParts({ model, sae }: Subject): [string, object][] {
  return [...modelParts(model.gpt2.weights), ...saeParts(sae)]
}

async function streamOf({ model, hook }: Subject, ids: readonly number[]): Promise<Tensor> {
  const captured = await capture(model.gpt2, [ids], [hook])
  return captured.get(hook)!
}

async function measure(
  subject: Subject,
  ops: Backend,
  tokens: number,
  setting: { ceiling: Ceiling; layers: readonly number[]; budget: Budget; onRun: () => void },
): Promise<Row[]> {
  const { ceiling, layers, budget, onRun } = setting
  const ids = spreadIds(subject.model.gpt2.config, tokens)
  const stream = await streamOf(subject, ids) // also warms the model up
  const nameOf = partNamer(allParts(subject))
  const ofModel = new PartTimes(nameOf)
  const ofSae = new PartTimes(nameOf)
  const [passes] = await alternate(
    [
      shortRuns(() => forward(subject, ofModel.startPass(ops), ids)),
      shortRuns(() => through(subject, ofSae.startPass(ops), stream)),
    ],
    budget,
    onRun,
  )
  const name = { backend: ops.name, mode: ops.mode, threads: threadsOf(ops) }
  const whole = { ...name, work: 'forward pass', shape: String(tokens) }
  return [
    makeRow(whole, passes, ofModel.passCost, ceiling),
    ...ofModel.rows(name, ceiling, layers),
    ...ofSae.rows(name, ceiling),
  ]
}
