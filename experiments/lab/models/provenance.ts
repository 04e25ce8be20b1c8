// How a result was made: everything that decides its numbers, gathered from what really ran.
import { readFile } from 'node:fs/promises'
import type { Backend } from '../../../engine/backend.ts'
import { bosOf } from '../../../gpt2/config.ts'
import { describeBasis } from '../../../sae/config.ts'
import type { OpenModel } from './models.ts'

/** Everything that decides the numbers of a result. A line is left out only where it does not apply. */
export interface Provenance {
  model: string
  sae?: string
  backend: string
  /** Which variant of the backend really ran, e.g. `wasm: simd128, 2 threads`. */
  mode: string
  /** What was done to the residual stream before the SAE read it. */
  basis?: string
  hook?: string
  bos: string
  pooling?: string
  threshold?: string
  /** How many texts were cut or split, where that was asked for. */
  long?: string
  /** Which texts are the same, where any are. */
  identical?: string
  /** The corpus that feature cards were taken from. */
  corpus?: string
  seed?: string
  command: string
  version: string
}

/** Of a result on SAE features. */
export async function provenanceOf(
  model: OpenModel,
  ops: Backend,
  hooks: readonly string[],
  { threshold, seed, command }: { threshold: string; seed?: number; command: string },
): Promise<Provenance> {
  const saes = hooks.map((hook) => model.saeConfig(hook))
  return {
    model: model.origin === undefined ? model.name : `${model.name} (${model.origin})`,
    sae: [
      ...(model.saesOrigin === undefined ? [] : [model.saesOrigin]),
      ...new Set(saes.map(({ modelName, dSae }) => `${modelName}, ${dSae} features`)),
    ].join('; '),
    backend: ops.name,
    mode: describeMode(ops),
    basis: [...new Set(saes.map(describeBasis))].join('; '),
    hook: showHooks(hooks),
    bos: `${model.tokenizer.pieces([bosOf(model.gpt2.config)])[0]} before every text; its position is left out of every mean and count`,
    pooling: 'features of each token, then the mean over the text’s tokens',
    threshold,
    seed: seed === undefined ? 'none: nothing is drawn at random' : String(seed),
    command,
    version: await versions(),
  }
}

/** Ours, and that of Node. */
export async function versions(): Promise<string> {
  const manifest = await readFile(new URL('../../../package.json', import.meta.url), 'utf8')
  const { version } = JSON.parse(manifest) as { version: string }
  return `clearbox ${version}, Node ${process.version}`
}

/** What really ran and, once features were encoded, how. Both encoders give the same features. */
export function describeMode({ mode, screening }: Pick<Backend, 'mode' | 'screening'>): string {
  if (!screening) return mode
  const { rows, denseRows, smallRows, outputs, candidates, active } = screening
  const screened = rows + denseRows
  const parts = [mode]
  if (smallRows > 0)
    parts.push(`encoder dense for ${smallRows} tokens: too little work to be worth screening`)
  if (screened > 0) {
    const share =
      rows === 0 ? '' : `, ${((100 * candidates) / outputs).toFixed(2)} % of their features computed`
    const l0 = (active / screened).toFixed(1)
    parts.push(
      `encoder screened ${rows} tokens${share}, ${denseRows} encoded densely, ${l0} active per token`,
    )
  }
  return parts.join('; ')
}

/** `blocks.{6,8}.hook_resid_pre` for the same hook of several layers. */
function showHooks(hooks: readonly string[]): string {
  const parts = hooks.map((hook) => /^blocks\.(\d+)\.(.*)$/.exec(hook))
  const [first] = parts
  if (hooks.length < 2 || !first || parts.some((part) => part?.[2] !== first[2])) return hooks.join(', ')
  return `blocks.{${parts.map((part) => part![1]).join(',')}}.${first[2]}`
}

/** As lines for the terminal: a name and its value. */
export function provenanceLines(provenance: Provenance): string {
  const lines = Object.entries(provenance).filter(([key]) => key !== 'command')
  return lines.map(([name, value]) => `${name.padEnd(11)}${value as string}`).join('\n')
}
