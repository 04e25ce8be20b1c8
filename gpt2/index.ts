// clearbox/gpt2: the model, its tokenizer, and hooks that read or edit its activations. What is not here is internal.
export {
  directAttribution,
  logitReader,
  shareOf,
  type DirectAttribution,
  type LayerShares,
  type LogitQuestion,
  type LogitReader,
} from './attribution.ts'
export { parseConfig, type Gpt2Config } from './config.ts'
export { generate, type SamplingOptions } from './generate.ts'
export { hookGradients, type HookGradients } from './hook-gradients.ts'
export { hookNames, onHost, type Hook, type HookTable } from './hooks.ts'
export { capture, lastRows, loadGpt2, releaseGpt2, run, type Gpt2, type RunOptions } from './model.ts'
export { createTokenizer, type Tokenizer } from './tokenizer.ts'
