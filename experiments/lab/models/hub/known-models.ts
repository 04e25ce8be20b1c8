// The models that are fetched by name, with their SAEs.
import type { HubFile } from './store.ts'

/** The files of one SAE. */
export interface SaeFiles {
  readonly hook: string
  readonly config: HubFile
  readonly weights: HubFile
}

/** A public model's files, and those of the SAEs that were trained on it. */
export interface KnownModel {
  readonly config: HubFile
  readonly weights: HubFile
  readonly saes: readonly SaeFiles[]
}

/**
 * GPT-2 small's SAEs (gpt2-small-res-jb, Joseph Bloom 2024). Hashes are pinned where they are known; the others are
 * held to the size and to the hash that the hub announces, by which the cache then names them.
 */
const saeRepo = {
  repo: 'jbloom/GPT2-Small-SAEs-Reformatted',
  revision: '57d08a4fd333fbf18caf3fbea63ceeb88e2f50d9',
}
const saeSha256: Readonly<Record<string, string>> = {
  'blocks.7.hook_resid_pre/sae_weights.safetensors':
    '47bfb75008fdd7ebf068044c0c3a212606aaa3f5dc05f1d1a7cffe502002c0b6',
  'blocks.8.hook_resid_pre/sae_weights.safetensors':
    'd46a41aa7a9e0475c135e41dde0cb3d8510528ce3140568a18a0e29d3a624d8b',
  'blocks.8.hook_resid_pre/cfg.json': 'f8c690c02ea3e1a29713748dd3922404fe59310cafaab6e376b4526b5f69c12c',
}
/** F32: W_enc and W_dec of 768 x 24,576, b_enc, b_dec and the header. */
const saeWeightsSize = 151_096_640

const saeHooks = [
  ...Array.from({ length: 12 }, (_, layer) => `blocks.${layer}.hook_resid_pre`),
  'blocks.11.hook_resid_post',
]

function saeFiles(hook: string): SaeFiles {
  const file = (name: string, size?: number): HubFile => {
    const path = `${hook}/${name}`
    return { ...saeRepo, path, local: `sae/${path}`, size, sha256: saeSha256[path] }
  }
  return { hook, config: file('cfg.json'), weights: file('sae_weights.safetensors', saeWeightsSize) }
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
    saes: saeHooks.map(saeFiles),
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
