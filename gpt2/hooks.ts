// The points of the forward pass that can be seen and changed.
import type { Backend, DeviceTensor } from '../engine/backend.ts'
import { showShape, type Shape, type Tensor } from '../engine/tensor.ts'
import type { Tape } from '../engine/tape.ts'
import type { Gpt2Config } from './config.ts'

/**
 * A function called at a named point of the forward pass with the activation there. It may look
 * (return nothing) or intervene (return a tensor of the same shape, which then takes its place).
 * The tensor it is given lives only until it returns: `download` it to keep its numbers.
 */
export type Hook = (x: DeviceTensor, ops: Backend) => Promise<DeviceTensor | void>

/** Hooks by activation name; TransformerLens' names. Several at one point run in order. */
export type HookTable = Readonly<Record<string, Hook | readonly Hook[]>>

const blockHooks = [
  'hook_resid_pre', // [tokens, dModel] the stream as it enters the block
  'ln1.hook_scale', // [tokens, 1] the stream's standard deviation, eps inside the root
  'ln1.hook_normalized', // [tokens, dModel] before LayerNorm's weight and bias
  'attn.hook_q', // [tokens, heads, dHead]
  'attn.hook_k', // [tokens, heads, dHead]
  'attn.hook_v', // [tokens, heads, dHead]
  'attn.hook_attn_scores', // [heads, tokens, keys] before softmax, -infinity where a query may not look
  'attn.hook_pattern', // [heads, tokens, keys]
  'attn.hook_z', // [tokens, heads, dHead] the heads' mixtures of values
  'attn.hook_result', // [tokens, heads, dModel] what each head adds, without W_O's bias
  'hook_attn_out', // [tokens, dModel] what attention adds
  'hook_resid_mid', // [tokens, dModel]
  'ln2.hook_scale', // [tokens, 1]
  'ln2.hook_normalized', // [tokens, dModel]
  'mlp.hook_pre', // [tokens, dMlp] before GELU
  'mlp.hook_post', // [tokens, dMlp] after GELU
  'hook_mlp_out', // [tokens, dModel] what the MLP adds
  'hook_resid_post', // [tokens, dModel]
] as const

const finalHooks = [
  'ln_final.hook_scale', // [tokens, 1]
  'ln_final.hook_normalized', // [tokens, dModel] before the weight and bias, as TransformerLens 3 has it
  'unembed.hook_in', // [tokens, dModel] after them: TransformerLens 2 called this ln_final.hook_normalized
  'unembed.hook_out', // [tokens, dVocab]
  'logits', // the same, under the name that needs no other tool
] as const

/** Every name a hook can have, in the order the forward pass reaches them. */
export function hookNames({ nLayers }: Pick<Gpt2Config, 'nLayers'>): string[] {
  const blocks = Array.from({ length: nLayers }, (_, i) => blockHooks.map((name) => `blocks.${i}.${name}`))
  return ['hook_embed', 'hook_pos_embed', ...blocks.flat(), ...finalHooks]
}

/** The hooks of one forward pass. */
export class Hooks {
  readonly #table: HookTable
  /** How many blocks must run for every hook to be reached; a hook_resid_pre needs only the blocks before its own. */
  readonly blocks: number
  /** Whether the last norm is needed, and the unembedding, 30 % of GPT-2 small's work. */
  readonly wantsFinalNorm: boolean
  readonly wantsLogits: boolean

  /** @throws for a name that is not a hook of this model */
  constructor(table: HookTable, config: Gpt2Config) {
    this.#table = table
    const names = new Set(hookNames(config))
    let blocks = 0
    for (const name of Object.keys(table)) {
      if (!names.has(name)) throw new Error(`hook "${name}" is not known: ${suggest(name, config)}`)
      const layer = /^blocks\.(\d+)\.(.*)$/.exec(name)
      if (layer) blocks = Math.max(blocks, Number(layer[1]) + (layer[2] === 'hook_resid_pre' ? 0 : 1))
    }
    this.wantsLogits = 'logits' in table || 'unembed.hook_out' in table
    this.wantsFinalNorm = finalHooks.some((name) => name in table)
    this.blocks = this.wantsFinalNorm ? config.nLayers : blocks
  }

  wants(name: string): boolean {
    return Object.hasOwn(this.#table, name)
  }

  /** Calls the hooks of this name, if any, on x (shown as `shape`), and returns what the pass continues with. */
  async at(name: string, x: DeviceTensor, ops: Backend, shape: Shape = x.shape): Promise<DeviceTensor> {
    if (!this.wants(name)) return x
    let shown = ops.reshape(x, shape)
    for (const hook of [this.#table[name]].flat()) {
      const replaced = await hook(shown, ops)
      if (!replaced) continue
      if (replaced.shape.length !== shape.length || replaced.shape.some((size, i) => size !== shape[i]))
        throw new Error(
          `hook ${name}: an intervention must return ${showShape(shape)}, it returned ${showShape(replaced.shape)}`,
        )
      shown = replaced
    }
    return ops.reshape(shown, x.shape)
  }

  /**
   * The same for numbers in host memory, computed only for hooks to see. -> x itself if no hook changed it
   * @throws if a hook changed it on a tape, which does not record host memory
   */
  async seen(name: string, x: Tensor, ops: Backend): Promise<Tensor> {
    if (!this.wants(name)) return x
    const shown = ops.upload(x)
    const tape = 'beside' in ops ? (ops as Tape) : undefined
    tape?.beside(shown, name)
    const after = await ops.download(await this.at(name, shown, ops))
    if (after.data.every((value, i) => Object.is(value, x.data[i]))) return x
    if (!tape) return after
    throw new Error(
      `hook ${name}: a change here passes through host memory, where a gradient would silently end: change it at another hook`,
    )
  }
}

function suggest(name: string, { nLayers }: Gpt2Config): string {
  const layer = /^blocks\.(\d+)\.(.*)$/.exec(name)
  if (layer && Number(layer[1]) >= nLayers) return `this model has blocks 0..${nLayers - 1}`
  return `there are hook_embed, hook_pos_embed, blocks.N.{${blockHooks.join(', ')}}, ${finalHooks.join(', ')}`
}

/** A hook that works on numbers in host memory, on any backend. Gradients end there: a tape does not record host memory. */
export function onHost(intervene: (x: Tensor) => Tensor): Hook {
  return async (x, ops) => ops.upload(intervene(await ops.download(x)))
}
