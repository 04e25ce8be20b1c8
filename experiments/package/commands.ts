// The commands of the package, by the names of the npm scripts. Those that need the sources or the tests are left to a clone.

interface PackagedCommand {
  readonly description: string
  /** Runs it. */
  readonly load: () => Promise<unknown>
}

export const COMMANDS: Readonly<Record<string, PackagedCommand>> = {
  start: {
    description: 'the post’s analysis: which features stand for which kind of text, layer by layer',
    load: () => import('../black-box/main.ts'),
  },
  first: {
    description: 'a text’s strongest features at each layer of a model',
    load: () => import('../first/main.ts'),
  },
  generate: {
    description: 'continue a prompt, one token at a time',
    load: () => import('../tools/generate/main.ts'),
  },
  train: {
    description: 'train a GPT-2 on texts, from random numbers',
    load: () => import('../tools/train/main.ts'),
  },
  'train-sae': {
    description: 'train a sparse autoencoder on a model’s activations',
    load: () => import('../tools/train-sae/main.ts'),
  },
  'save-sae': {
    description: 'save SAEs of any kind that can be read as SAELens 6 saves them',
    load: () => import('../tools/save-sae/main.ts'),
  },
  doctor: {
    description: 'check what is understood of a model’s or an SAE’s folder, before anything is computed',
    load: () => import('../tools/doctor/main.ts'),
  },
  download: {
    description: 'fetch a published model and its SAEs in advance, and check them',
    load: () => import('../tools/download/main.ts'),
  },
  corpus: {
    description: 'what SAE features fire on in a corpus of any size, with an index to look them up in',
    load: () => import('../tools/corpus/main.ts'),
  },
  'corpus:worker': {
    description: 'work on the shards of a corpus that a queue hands out',
    load: () => import('../tools/corpus/queue/main.ts'),
  },
  capture: {
    description: 'write a model’s activations at named hooks to a safetensors file (F32)',
    load: () => import('../tools/capture/main.ts'),
  },
  analyse: {
    description: 'the analysis of the black-box post, on SAE features made elsewhere',
    load: () => import('../black-box/analyse.ts'),
  },
  'form-or-idea': {
    description: 'do features follow what a text says, or how it is written? Layer by layer',
    load: () => import('../form-or-idea/main.ts'),
  },
  feature: {
    description: 'what a feature means: what it fires on, what it promotes, what is like it',
    load: () => import('../feature/main.ts'),
  },
  ablation: {
    description: 'take specialists out of the residual stream, steer with them, and see what changes',
    load: () => import('../ablation/main.ts'),
  },
  attribute: {
    description: 'which layers, heads, neurons and features make the model say a token next',
    load: () => import('../attribution/main.ts'),
  },
  'sae-quality': {
    description: 'how much SAEs keep, and what the model loses with them in place',
    load: () => import('../sae-quality/main.ts'),
  },
  superposition: {
    description:
      'why there are more features than dimensions: a toy that learns, and how crowded the SAEs are',
    load: () => import('../superposition/main.ts'),
  },
}
