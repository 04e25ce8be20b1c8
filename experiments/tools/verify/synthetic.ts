// Holds the full-size synthetic model to float64 outputs.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sparseRow } from '../../../engine/sparse.ts'
import type { Tensor } from '../../../engine/tensor.ts'
import type { Sae } from '../../../sae/weights.ts'
import { meanLoss } from '../../../gpt2/loss.ts'
import { capture } from '../../../gpt2/model.ts'
import { encodeStream } from '../../lab/models/features.ts'
import { withSae, type OpenModel } from '../../lab/models/models.ts'
import { Checks, type Check } from './check.ts'

/** What test/reference/synthetic/reference.json holds of one prompt; values from float64. */
interface Prompt {
  readonly name: string
  readonly ids: readonly number[]
  readonly mean_cross_entropy: number
  readonly last_logits_top10: { ids: number[]; values: number[] }
  readonly last_logits_every_1000th: number[]
  readonly first_logits_every_1000th: number[]
  readonly resid_pre: readonly {
    layer: number
    l2_last: number
    last_first8: number[]
    last_last8: number[]
  }[]
  readonly sae: readonly SaeReference[]
}

interface SaeReference {
  readonly layer: number
  readonly active_per_token: number[]
  readonly last_top10: { ids: number[]; values: number[] }
  readonly last_sum: number
  /** How near the prompt's pre-activations come to zero, where a feature is neither clearly on nor off. */
  readonly smallest_abs_preact: number
}

/** Largest differences allowed on logits and stream. PyTorch's own float32 is at 1.2e-5 and 3e-5. */
export function syntheticLimits(backend: string): { logits: number; stream: number } {
  return backend === 'reference' ? { logits: 1e-5, stream: 2e-5 } : { logits: 2e-5, stream: 6e-5 }
}

interface SyntheticOptions {
  /** Only the prompts of these names. */
  readonly prompts?: readonly string[]
  /** Only the SAEs of these layers; none for []. */
  readonly saeLayers?: readonly number[]
  readonly onPrompt?: () => void
}

/**
 * Holds the full-size synthetic model to the float64 outputs in `folder` (test/reference/synthetic).
 * @param backend its name; the reference backend is held to tighter limits
 */
export async function verifySynthetic(
  model: OpenModel,
  folder: string,
  { prompts: names, saeLayers, onPrompt = () => {} }: SyntheticOptions = {},
): Promise<Check[]> {
  const file = await readFile(join(folder, 'reference.json'), 'utf8')
  const all = (JSON.parse(file) as { prompts: Prompt[] }).prompts
  const prompts = names ? all.filter(({ name }) => names.includes(name)) : all
  const checks = new Checks(model.name)
  const streams = new Map<string, Tensor>() // `${hook} of ${prompt}`
  for (const prompt of prompts) {
    await verifyPrompt(model, prompt, checks, streams)
    onPrompt()
  }
  for (const layer of new Set(prompts.flatMap(({ sae }) => sae.map(({ layer }) => layer))))
    if (saeLayers?.includes(layer) ?? true)
      await withSae(model, `blocks.${layer}.hook_resid_pre`, (sae) =>
        verifySae(sae, layer, prompts, checks, streams),
      )
  return checks.list()
}

async function verifyPrompt(model: OpenModel, prompt: Prompt, checks: Checks, streams: Map<string, Tensor>) {
  const limits = syntheticLimits(model.gpt2.ops.name)
  const { ids } = prompt
  const hooks = prompt.resid_pre.map(({ layer }) => `blocks.${layer}.hook_resid_pre`)
  const got = await capture(model.gpt2, [ids], [...hooks, 'logits'])
  for (const { layer, l2_last, last_first8, last_last8 } of prompt.resid_pre) {
    const hook = hooks[layer]
    const stream = got.get(hook)!
    streams.set(`${hook} of ${prompt.name}`, stream)
    const last = stream.row(ids.length - 1)
    checks.compare(
      hook,
      limits.stream,
      [...last.subarray(0, 8), ...last.subarray(-8)],
      [...last_first8, ...last_last8],
    )
    // A norm over 768 entries, each within the limit, is within sqrt(768) times it.
    checks.compare(`|${hook}|`, limits.stream * Math.sqrt(768), [Math.hypot(...last)], [l2_last])
  }
  const logits = got.get('logits')!
  const everyThousandth = (row: Float32Array) => row.filter((_, i) => i % 1000 === 0)
  const last = logits.row(ids.length - 1)
  const top = prompt.last_logits_top10
  checks.compare('logits', limits.logits, everyThousandth(logits.row(0)), prompt.first_logits_every_1000th)
  checks.compare('logits', limits.logits, everyThousandth(last), prompt.last_logits_every_1000th)
  checks.compare(
    'logits',
    limits.logits,
    top.ids.map((id) => last[id]),
    top.values,
  )
  const [best] = await model.gpt2.ops.topK(
    model.gpt2.ops.upload(logits.rows(ids.length - 1, ids.length)),
    top.ids.length,
  )
  checks.compare('ten most probable next tokens', 0, best.indices, top.ids)
  checks.compare('mean loss', limits.logits, [await meanLoss(model.gpt2, ids)], [prompt.mean_cross_entropy])
}

async function verifySae(
  sae: Sae,
  layer: number,
  prompts: readonly Prompt[],
  checks: Checks,
  streams: ReadonlyMap<string, Tensor>,
) {
  const { ops } = sae
  const hook = sae.config.hookName
  const limit = syntheticLimits(ops.name).stream
  for (const prompt of prompts) {
    const expected = prompt.sae.find((entry) => entry.layer === layer)
    if (!expected) continue
    const features = await encodeStream(ops, sae, streams.get(`${hook} of ${prompt.name}`)!)
    const active = Array.from(
      expected.active_per_token,
      (_, t) => features.offsets[t + 1] - features.offsets[t],
    )
    // Where a pre-activation is nearer to zero than the error allowed, one feature may fall on the other side.
    if (expected.smallest_abs_preact > limit)
      checks.compare(`${hook} active features per token`, 0, active, expected.active_per_token)
    else checks.compare(`${hook} active, some near zero`, 1, active, expected.active_per_token)
    const { indices, values } = sparseRow(features, prompt.ids.length - 1)
    const valueOf = new Map(Array.from(indices, (feature, i) => [feature, values[i]]))
    const top = expected.last_top10
    const name = `${hook}.hook_sae_acts_post`
    checks.compare(
      name,
      limit,
      top.ids.map((feature) => valueOf.get(feature) ?? NaN),
      top.values,
    )
    const sum = values.reduce((total, value) => total + value, 0)
    // Rounding errors of n values add up like a random walk: with the root of n.
    checks.compare(`sum of ${name}`, limit * Math.sqrt(values.length), [sum], [expected.last_sum])
  }
}
