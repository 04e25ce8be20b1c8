// clearbox/gpt2: the model, its tokenizer, and hooks that read or edit its activations. What is not here is internal.
export { parseConfig, type Gpt2Config } from './config.ts'
export { generate, type SamplingOptions } from './generate.ts'
export { hookNames, onHost, type Hook, type HookTable } from './hooks.ts'
export { capture, lastRows, loadGpt2, releaseGpt2, run, type Gpt2, type RunOptions } from './model.ts'
export { createTokenizer, type Tokenizer } from './tokenizer.ts'
