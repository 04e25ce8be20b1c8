// Holds the bundled model to float64 outputs.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openFile } from '../../../engine/weights/files-node.ts'
import { openSafetensors, type SafetensorsStore } from '../../../engine/weights/safetensors.ts'
import { toDense } from '../../../engine/sparse.ts'
import type { Tensor } from '../../../engine/tensor.ts'
import { readTensor } from '../../../engine/weights/weights.ts'
import { capture } from '../../../gpt2/model.ts'
import { meanLoss } from '../../../gpt2/loss.ts'
import { encodeStream } from '../../lab/models/features.ts'
import { withSae, type OpenModel } from '../../lab/models/models.ts'
import { Checks, type Check } from './check.ts'

/** Largest differences from float64 allowed on the bundled model, whose stream reaches 17 (RMS) and logits 30. */
const limits = { logits: 1e-4, stream: 1e-4, pattern: 1e-5, mlpOut: 1e-4, features: 1e-4, loss: 1e-5 }

interface Prompt {
  readonly index: number
  readonly text: string
  readonly mean_cross_entropy: number
}

/**
 * Holds the bundled model to the float64 outputs in `folder` (test/reference/tiny), prompt by prompt.
 * Every number in the reference file is compared.
 */
export async function verifyTiny(model: OpenModel, folder: string): Promise<Check[]> {
  const { prompts } = JSON.parse(await readFile(join(folder, 'reference.json'), 'utf8')) as {
    prompts: Prompt[]
  }
  const reference = await openSafetensors(await openFile(join(folder, 'reference.safetensors')))
  const checks = new Checks(model.name)
  try {
    for (const prompt of prompts) await verifyPrompt(model, prompt, reference, checks)
  } finally {
    await reference.close()
  }
  return checks.list()
}

async function verifyPrompt(model: OpenModel, prompt: Prompt, reference: SafetensorsStore, checks: Checks) {
  const prefix = `prompt.${prompt.index}.`
  const names = reference.names().filter((name) => name.startsWith(prefix))
  const read = (name: string) => readTensor(reference.get(prefix + name))
  const has = (name: string) => names.includes(prefix + name)

  const ids = await reference.readIntegers(`${prefix}tokens`) // BOS first; one prompt is cut to 200 tokens
  checks.compare('token ids', 0, model.tokenizer.encode(prompt.text).slice(0, ids.length - 1), ids.slice(1))

  const hooks = ['blocks.0.attn.hook_pattern', 'blocks.3.hook_mlp_out', 'logits', ...model.saeHooks]
  const got = await capture(model.gpt2, [ids], hooks)
  const logits = got.get('logits')!
  checks.compare('mean loss', limits.loss, [await meanLoss(model.gpt2, ids)], [prompt.mean_cross_entropy])
  const compare = async (what: string, limit: number, tensor: Tensor, name: string) => {
    if (has(name)) checks.compare(what, limit, tensor.data, (await read(name)).data)
  }
  await compare('logits', limits.logits, logits, 'logits')
  await compare('logits', limits.logits, logits.rows(ids.length - 2, ids.length), 'logits_last2')
  await compare(hooks[0], limits.pattern, got.get(hooks[0])!, 'attn_probs.0')
  await compare(hooks[1], limits.mlpOut, got.get(hooks[1])!, 'mlp_out.3')
  for (const [layer, hook] of model.saeHooks.entries()) {
    const stream = got.get(hook)!
    await compare(hook, limits.stream, stream, `resid_pre.${layer}.raw`)
    if (!has(`sae.${layer}.acts`)) continue
    // Features agree in value; a feature active on one side only differs by its whole value.
    const features = await withSae(model, hook, (sae) => encodeStream(sae.ops, sae, stream))
    await compare(`${hook}.hook_sae_acts_post`, limits.features, toDense(features), `sae.${layer}.acts`)
  }
}
