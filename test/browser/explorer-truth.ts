import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { openFile } from '../../engine/weights/files-node.ts'
import { openSafetensors } from '../../engine/weights/safetensors.ts'
import { readTensor } from '../../engine/weights/weights.ts'
import { runScript } from '../helpers/cli.ts'

/** Of the bundled model. */
export const LAYERS = [0, 1, 2, 3, 4, 5]

export const hookOf = (layer: number) => `blocks.${layer}.hook_resid_pre`

/** What `npm run capture` writes of a text, through a file in `folder`, on its usual backend. */
export async function captureText(text: string, folder: string) {
  const out = join(folder, 'captured.safetensors')
  const features = LAYERS.map((layer) => `${hookOf(layer)}.hook_sae_acts_post`)
  const patterns = LAYERS.map((layer) => `blocks.${layer}.attn.hook_pattern`)
  const hooks = [...features, ...patterns, 'logits'].join(',')
  const args = ['--text', text, '--hooks', hooks, '--out', out, '--json']
  const { status, stderr, stdout } = runScript('experiments/tools/capture/main.ts', args)
  assert.is(status, 0, stderr)
  const { mode, ids, tokens } = JSON.parse(stdout) as { mode: string; ids: number[]; tokens: string[] }
  const store = await openSafetensors(await openFile(out))
  const read = (name: string) => readTensor(store.get(name))
  try {
    return {
      ...{ mode, ids, tokens },
      /** A layer: [tokens, dSae] */
      features: await Promise.all(features.map(read)),
      /** A layer: [1, heads, tokens, tokens] */
      attention: await Promise.all(patterns.map(read)),
      /** [tokens, dVocab] */
      logits: await read('logits'),
    }
  } finally {
    await store.close()
  }
}

/** The positive features of a row, the strongest first. */
export function positive(row: Float32Array): { feature: number; value: number }[] {
  return [...row.entries()]
    .filter(([, value]) => value > 0)
    .map(([feature, value]) => ({ feature, value }))
    .sort((a, b) => b.value - a.value)
}

export function softmax(logits: Float32Array): number[] {
  const most = logits.reduce((a, b) => Math.max(a, b), -Infinity)
  const exponentials = Array.from(logits, (logit) => Math.exp(logit - most))
  const sum = exponentials.reduce((a, b) => a + b, 0)
  return exponentials.map((value) => value / sum)
}
