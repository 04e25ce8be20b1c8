// The SAEs of GPT-2 small that are published under a name: where their files lie, and what the files do not say.
import type { HubFile } from './store.ts'

/** What its authors say of an SAE. */
export interface Published {
  /** Mean number of active features per token. */
  readonly l0?: number
  readonly explainedVariance?: number
}

/** The files of one SAE: paths, or files of the hub. */
export interface SaeFiles<File = HubFile> {
  /** Where it is known beforehand. */
  readonly hook?: string
  /** Left out where `settings` say all of it, or the weights' file does. */
  readonly config?: File
  readonly weights: File
  /** Fields of a cfg.json that the release states, and its files do not; they come before what a file says. */
  readonly settings?: Readonly<Record<string, unknown>>
  readonly published?: Published
}

/** A repository on the hub; a branch until somebody who has the files pins a commit. */
interface Repository {
  readonly repo: string
  readonly revision: string
}

/** A file that the hub's announcement is all that is known of. */
const fileOf =
  (repository: Repository, folder: string) =>
  (path: string): HubFile => ({ ...repository, path, local: `${folder}/${path}` })

const BLOCKS = Array.from({ length: 12 }, (_, block) => block)
const CENTERED = { model_from_pretrained_kwargs: { center_writing_weights: true } }
const publishedOf = (l0?: number, explainedVariance?: number): Published | undefined =>
  l0 === undefined ? undefined : { l0, explainedVariance }

/** One folder per SAE, as SAELens saves it. */
function inFolders(
  name: string,
  repo: string,
  saes: readonly (Omit<SaeFiles, 'weights' | 'config'> & { readonly folder: string })[],
): readonly SaeFiles[] {
  const file = fileOf({ repo, revision: 'main' }, `sae/${name}`)
  return saes.map(({ folder, ...sae }) => ({
    ...sae,
    config: file(`${folder}/cfg.json`),
    weights: file(`${folder}/sae_weights.safetensors`),
  }))
}

/** gpt2-small-res-jb (Joseph Bloom 2024), whose files are pinned where their hashes are known. */
const resJb = {
  repo: 'jbloom/GPT2-Small-SAEs-Reformatted',
  revision: '57d08a4fd333fbf18caf3fbea63ceeb88e2f50d9',
}
const resJbSha256: Readonly<Record<string, string>> = {
  'blocks.7.hook_resid_pre/sae_weights.safetensors':
    '47bfb75008fdd7ebf068044c0c3a212606aaa3f5dc05f1d1a7cffe502002c0b6',
  'blocks.8.hook_resid_pre/sae_weights.safetensors':
    'd46a41aa7a9e0475c135e41dde0cb3d8510528ce3140568a18a0e29d3a624d8b',
  'blocks.8.hook_resid_pre/cfg.json': 'f8c690c02ea3e1a29713748dd3922404fe59310cafaab6e376b4526b5f69c12c',
}
/** F32: W_enc and W_dec of 768 x 24,576, b_enc, b_dec and the header. */
const resJbSize = 151_096_640
const resJbHooks = [...BLOCKS.map((block) => `blocks.${block}.hook_resid_pre`), 'blocks.11.hook_resid_post']
const resJbL0 = [10, 10, 18, 23, 31, 41, 51, 54, 60, 70, 52, 56, 70]
const resJbVariance = [0.999, 0.999, 0.999, 0.999, 0.9, 0.9, 0.9, 0.9, 0.9, 0.77, 0.77, 0.77, 0.77]

function resJbFiles(hook: string, i: number): SaeFiles & { readonly hook: string; readonly config: HubFile } {
  const file = (name: string, size?: number): HubFile => {
    const path = `${hook}/${name}`
    return { ...fileOf(resJb, 'sae')(path), size, sha256: resJbSha256[path] }
  }
  return {
    hook,
    config: file('cfg.json'),
    weights: file('sae_weights.safetensors', resJbSize),
    settings: CENTERED,
    published: publishedOf(resJbL0[i], resJbVariance[i]),
  }
}

/** Eight widths at one hook: each is a release of its own. */
const SPLITTING = 'gpt2-small-res-jb-feature-splitting'
const splitting = [
  [768, 36, 0.61],
  [1536, 39, 0.67],
  [3072, 41, 0.72],
  [6144, 43, 0.76],
  [12288, 43, 0.77],
  [24576, 40, 0.79],
  [49152, 40, 0.81],
  [98304, 43, 0.82],
].map(([width, l0, variance]): [string, readonly SaeFiles[]] => {
  const [name, hook] = [`${SPLITTING}/${width}`, 'blocks.8.hook_resid_pre']
  const sae = { hook, folder: `${hook}_${width}`, settings: CENTERED, published: publishedOf(l0, variance) }
  return [name, inFolders(name, 'jbloom/GPT2-Small-Feature-Splitting-Experiment-Layer-8', [sae])]
})

/** OpenAI's (Gao et al. 2024), TopK with k = 32. */
const openAi = ['resid-post', 'resid-mid', 'attn-out', 'mlp-out'].flatMap((site) =>
  ['32k', '128k'].map((size): [string, readonly SaeFiles[]] => {
    const name = `gpt2-small-${site}-v5-${size}`
    const ending = site === 'resid-post' && size === '32k' ? '.pt' : ''
    const saes = BLOCKS.map((block) => ({
      hook: `blocks.${block}.hook_${site.replace('-', '_')}`,
      folder: `v5_${size}_layer_${block}${ending}`,
      published: { l0: 32 },
    }))
    return [name, inFolders(name, `jbloom/GPT2-Small-OAI-v5-${size}-${site}-SAEs`, saes)]
  }),
)

/** Apollo's (Braun et al. 2024): end to end, with losses downstream, and local; similar cross-entropy or similar L0. */
const apollo = ['sce', 'scefr', 'scl', 'sle', 'slefr', 'sll'].map((kind): [string, readonly SaeFiles[]] => {
  const name = `gpt2-small-res_${kind}-ajt`
  const saes = [2, 6, 10].map((block) => ({
    hook: `blocks.${block}.hook_resid_pre`,
    folder: `${block}-res_${kind}-ajt`,
  }))
  return [name, inFolders(name, `neuronpedia/gpt2-small__res_${kind}-ajt`, saes)]
})

/** Block by block: what inputs were multiplied by, L0, explained variance, and which version of the file. */
const mlpOut = [
  [1.049317316132615, 15, 0.999, 1],
  [2.3693984005104283, 21, 0.57, 0],
  [1.6411934982190302, 137, 0.55, 0],
  [1.8958522157897557, 54, 0.57, 0],
  [1.81673478700627, 74, 0.44, 0],
  [1.550234472245924, 76, 0.52, 0],
  [1.3237742807210804, 40, 0.508, 0],
  [1.1042905114723296, 52, 0.53, 0],
  [0.9123762783479742, 36, 0.46, 1],
  [0.6955335635232373, 49, 0.49, 0],
  [0.3619728926727644, 167, 0.22, 0],
  [0.2851548652550073, 170, 0.59, 2],
].map(([norm_scaling_factor, l0, variance, version], block) => ({
  hook: `blocks.${block}.hook_mlp_out`,
  folder: `sae_group_gpt2_blocks.${block}.hook_mlp_out_24576:v${version}`,
  settings: { ...CENTERED, norm_scaling_factor },
  published: publishedOf(l0, variance),
}))

/** Kissane, Krzyzanowski et al. 2024. Block by block: what the file's name says of its training, and L0. */
const headFiles: readonly (readonly [string, number])[] = [
  ['l11.80e+00_ds24576_bs4096_dc1.00e-06_rsanthropic_rie25000_nr4_v9', 3],
  ['l18.00e-01_ds24576_bs4096_dc1.00e-06_rsanthropic_rie25000_nr4_v5', 23],
  ['l11.00e+00_ds24576_bs4096_dc1.00e-06_rsanthropic_rie25000_nr4_v4', 16],
  ['l19.00e-01_ds24576_bs4096_dc1.00e-06_rsanthropic_rie25000_nr4_v9', 15],
  ['l11.10e+00_ds24576_bs4096_dc1.00e-06_rsanthropic_rie25000_nr4_v7', 14],
  ['l11.00e+00_ds49152_bs4096_dc1.00e-06_rsanthropic_rie25000_nr4_v9', 17],
  ['l11.10e+00_ds24576_bs4096_dc1.00e-06_rsanthropic_rie25000_nr4_v9', 17],
  ['l11.10e+00_ds49152_bs4096_dc1.00e-06_rsanthropic_rie25000_nr4_v9', 19],
  ['l11.30e+00_ds24576_bs4096_dc1.00e-05_rsanthropic_rie25000_nr4_v6', 23],
  ['l11.20e+00_ds24576_bs4096_dc1.00e-06_rsanthropic_rie25000_nr4_v9', 23],
  ['l11.30e+00_ds24576_bs4096_dc1.00e-05_rsanthropic_rie25000_nr4_v9', 14],
  ['l13.00e+00_ds24576_bs4096_dc3.16e-06_rsanthropic_rie25000_nr4_v9', 9.4],
]
const heads = headFiles.map(([training, l0], block): SaeFiles => {
  const name = 'gpt2-small-hook-z-kk'
  const file = fileOf({ repo: 'ckkissane/attn-saes-gpt2-small-all-layers', revision: 'main' }, `sae/${name}`)
  const path = `gpt2-small_L${block}_Hcat_z_lr1.20e-03_${training}`
  return {
    hook: `blocks.${block}.attn.hook_z`,
    config: file(`${path}_cfg.json`),
    weights: file(`${path}.pt`),
    published: { l0 },
  }
})

/** Dunefsky et al. 2024. All of their settings stand here, because their files hold them beside the weights. */
const transcoders = BLOCKS.map((block): SaeFiles => {
  const [hook, repository] = [`blocks.${block}.ln2.hook_normalized`, 'pchlenski/gpt2-transcoders']
  const file = fileOf({ repo: repository, revision: 'main' }, 'sae/gpt2-small-transcoders')
  return {
    hook,
    weights: file(`final_sparse_autoencoder_gpt2-small_${hook}_24576.pt`),
    settings: {
      architecture: 'transcoder',
      d_in: 768,
      d_out: 768,
      d_sae: 24576,
      apply_b_dec_to_input: false,
      hook_name: hook,
      hook_name_out: `blocks.${block}.hook_mlp_out`,
      model_name: 'gpt2-small',
      ...CENTERED,
    },
  }
})

/**
 * Those of them that ARENA's exercises load (Callum McDougall), saved as if they were SAEs of their input, with one bias: b_dec is
 * b_dec_out. Where a file says that b_dec is taken from the input, it is refused.
 */
const arena = BLOCKS.slice(0, 9).map((block) => ({
  hook: `blocks.${block}.ln2.hook_normalized`,
  folder: `gpt2-small-layer-${block}-mlp-transcoder-folded-b_dec_out`,
  settings: {
    ...{ architecture: 'transcoder', d_out: 768, hook_name_out: `blocks.${block}.hook_mlp_out` },
    ...CENTERED,
  },
}))

/** GPT-2 small's SAEs, where nothing else is asked for. */
export const usualSaes = resJbHooks.map(resJbFiles)

/**
 * Every release that `--saes` knows by name. Settings and published figures: SAELens' registry (pretrained_saes.yaml, version
 * 6.54), or their authors' setup. Hashes are pinned where they are known; the others are held to the size and to the hash that the hub announces.
 */
export const releases: Readonly<Record<string, readonly SaeFiles[]>> = {
  'gpt2-small-res-jb': usualSaes,
  ...Object.fromEntries([...splitting, ...openAi, ...apollo]),
  'gpt2-small-mlp-tm': inFolders('gpt2-small-mlp-tm', 'tommmcgrath/gpt2-small-mlp-out-saes', mlpOut),
  'gpt2-small-hook-z-kk': heads,
  'gpt2-small-transcoders': transcoders,
  'gpt2-small-transcoders-arena': inFolders(
    'gpt2-small-transcoders-arena',
    'callummcdougall/arena-demos-transcoder',
    arena,
  ),
}
