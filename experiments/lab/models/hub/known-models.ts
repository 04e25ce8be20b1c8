// The models that are fetched by name, with their SAEs.
import { usualSaes, type SaeFiles } from './releases.ts'
import type { HubFile } from './store.ts'

/** A public model's files, and those of the SAEs that were trained on it. */
export interface KnownModel {
  readonly config: HubFile
  readonly weights: HubFile
  readonly saes: readonly SaeFiles[]
}

/** A model that is published without SAEs, at whatever commit its main branch is when it is first fetched. */
function unpinned(repo: string, weights = 'model.safetensors'): KnownModel {
  const file = (path: string): HubFile => ({ repo, revision: 'main', path, local: path })
  return { config: file('config.json'), weights: file(weights), saes: [] }
}

const gpt2Repo = { repo: 'openai-community/gpt2', revision: '607a30d783dfa663caf39e06633721c8d4cfcd7e' }

/** Every model that is fetched by name: the one table of revisions, sizes and hashes. */
export const knownModels: Readonly<Record<string, KnownModel>> = {
  gpt2: {
    config: { ...gpt2Repo, path: 'config.json', local: 'config.json' },
    weights: {
      ...gpt2Repo,
      path: 'model.safetensors',
      local: 'model.safetensors',
      size: 548_105_171,
      sha256: '248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707',
    },
    saes: usualSaes,
  },
  distilgpt2: unpinned('distilbert/distilgpt2'),
  'gpt2-medium': unpinned('openai-community/gpt2-medium'),
  'gpt2-large': unpinned('openai-community/gpt2-large'),
  'gpt2-xl': unpinned('openai-community/gpt2-xl'),
  // published in the layout before safetensors
  'DialoGPT-small': unpinned('microsoft/DialoGPT-small', 'pytorch_model.bin'),
  'DialoGPT-medium': unpinned('microsoft/DialoGPT-medium', 'pytorch_model.bin'),
  'DialoGPT-large': unpinned('microsoft/DialoGPT-large', 'pytorch_model.bin'),
}
