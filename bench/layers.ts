import type { Backend } from '../engine/backend.ts'
import { createBackend } from '../engine/backends.ts'
import type { Tensor } from '../engine/tensor.ts'
import { UserError } from '../experiments/lab/cli/cli.ts'
import { openModel, type OpenModel } from '../experiments/lab/models/models.ts'
import { withBackend, type EngineOptions } from '../experiments/lab/models/engine-options.ts'
import { createProgress } from '../experiments/lab/cli/progress.ts'
import { capture, run } from '../gpt2/model.ts'
import { decode } from '../sae/decoder.ts'
import { encode, saeInput } from '../sae/encoder.ts'
import type { Sae } from '../sae/weights.ts'
import { wrapOps } from './wrap-ops.ts'
import { modelParts, pairWeights, partNamer, saeParts } from './model-parts.ts'
import { makeRow, threadsOf, type Ceiling, type Row } from './rows.ts'
import { measureRoofline } from './roofline.ts'
import { PartTimes } from './part-times.ts'
import { alternate, quickBudget, shortRuns, usualBudget, type Budget } from './timing.ts'
import { verifier } from './verify.ts'

export interface LayersOptions extends EngineOptions {
  readonly tokens?: readonly number[]
  readonly layers: readonly number[]
  readonly quick?: boolean
  readonly json?: boolean
}

const usualTokens = [1, 16, 128, 512]
const quickTokens = [1, 16]

/** Which model, and where it comes from. */
type ModelChoice = Pick<EngineOptions, 'model' | 'offline' | 'dir'> & { readonly quiet: boolean }

/** A model and one of its SAEs on a backend. */
interface Subject {
  readonly model: OpenModel
  readonly sae: Sae
  readonly hook: string
}

/** Layer by layer through a model, and through the SAE in its middle. */
export async function benchLayers(options: LayersOptions): Promise<Row[]> {
  const { quick = false, json: quiet = false } = options
  const source = { ...options, quiet }
  return withBackend(options, async (ops) => {
    const threads = threadsOf(ops)
    const roofline = await measureRoofline({ threads, quick })
    const subject = await openSubject(ops, source)
    const { nCtx, nLayers } = subject.model.gpt2.config
    const counts = options.tokens ?? (quick ? quickTokens : usualTokens).filter((count) => count <= nCtx)
    if (Math.max(...counts) > nCtx)
      throw new UserError(`--tokens ${counts.join()}: ${options.model} has only ${nCtx} positions`)

    if (Math.max(...options.layers) >= nLayers)
      throw new UserError(
        `--layers ${options.layers.join()}: ${options.model} has blocks 0 to ${nLayers - 1}`,
      )
    const budget = quick ? quickBudget : usualBudget
    const rows = [...roofline.rows]
    await verifySubject(subject, ops, counts, source)
    const total = counts.length * budget.rounds * 2
    using progress = createProgress({ label: 'measuring', total, unit: 'runs', quiet })
    for (const tokens of counts)
      rows.push(
        ...(await measure(subject, ops, tokens, {
          ceiling: roofline.ceiling(threads),
          layers: options.layers,
          budget,
          onRun: () => progress.step(),
        })),
      )
    return rows
  })
}

async function openSubject(ops: Backend, source: ModelChoice): Promise<Subject> {
  const model = await openModel(source.model, ops, source)
  if (model.saeHooks.length === 0)
    throw new UserError(
      `bench: ${source.model} has no SAE beside it (a folder sae/ with a SAELens folder a hook)`,
    )
  const hook = model.saeHooks[Math.floor(model.saeHooks.length / 2)]
  return { model, sae: await model.openSae(hook), hook }
}

/** The forward pass, with all logits. */
async function forward({ model }: Subject, ops: Backend, ids: readonly number[]): Promise<void> {
  await run({ ...model.gpt2, ops }, [ids], { logits: async () => {} })
}

/** The SAE there and back. stream [tokens, d_in] */
async function through({ sae, hook }: Subject, ops: Backend, stream: Tensor): Promise<void> {
  await ops.scope(async (ops) => {
    const features = await encode(ops, sae, await saeInput(ops, sae, hook, ops.upload(stream)))
    await decode(ops, sae, features)
  })
}

/** BOS and tokens spread over the vocabulary. */
function someIds({ model }: Subject, tokens: number): number[] {
  const { bos, dVocab } = model.gpt2.config
  return Array.from({ length: tokens }, (_, i) => (i === 0 ? bos : (i * 7919) % dVocab))
}

/** Every op of every layer, at every number of tokens, against the reference. The reference itself is what is right. */
async function verifySubject(
  subject: Subject,
  ops: Backend,
  counts: readonly number[],
  source: ModelChoice,
): Promise<void> {
  if (ops.name === 'reference') return
  const reference = await createBackend('reference')
  const twin = await openSubject(reference, source)
  const parts = allParts(subject)
  const observer = verifier(ops, reference, pairWeights(parts, allParts(twin)), partNamer(parts))
  for (const tokens of counts) {
    const ids = someIds(subject, tokens)
    const checked = wrapOps(ops, observer)
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
  options: {
    ceiling: Ceiling
    layers: readonly number[]
    budget: Budget
    onRun: () => void
  },
): Promise<Row[]> {
  const { ceiling, layers, budget, onRun } = options
  const ids = someIds(subject, tokens)
  const stream = await streamOf(subject, ids) // warms the model up, too
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
    ...ofSae.rows(name, ceiling, []),
  ]
}
