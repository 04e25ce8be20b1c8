// The ways to say what a part of the model is worth to a logit, and what each of them holds still.

/** A number for each feature: what is cheap, and what is measured. */
export const ESTIMATES = ['activation', 'direct', 'gradient', 'integrated'] as const
export const METHODS = [...ESTIMATES, 'ablation'] as const
export type Method = (typeof METHODS)[number]

/** What a method holds where it is (frozen), or follows as a straight line (linear), though in the model it bends. */
interface Held {
  readonly method: string
  readonly measures: string
  readonly frozen: string
  readonly linear: string
}

const BENDS = 'every LayerNorm’s scale, attention patterns (softmax), the MLP’s GELU'

export function heldStill(steps: number, patched: boolean): Held[] {
  return [
    {
      method: 'direct attribution',
      measures:
        'what a part adds to the last token’s stream, as the logit reads it; not by way of later layers',
      frozen: 'the final LayerNorm’s scale; all later layers',
      linear: 'nothing',
    },
    {
      method: 'source tokens',
      measures: 'what a head says because it looks at a token',
      frozen: 'attention patterns; the final LayerNorm’s scale; all later layers',
      linear: 'nothing',
    },
    {
      method: 'gradient x activation',
      measures: 'what a feature is worth at all tokens, through all later layers, to first order',
      frozen: 'which features are active',
      linear: `${BENDS}: at the clean text`,
    },
    {
      method: 'integrated gradients',
      measures: `the same, the gradient averaged over ${steps} steps from a layer without features to all of them`,
      frozen: 'which features are active',
      linear: `${BENDS}: piece by piece, in ${steps} steps`,
    },
    {
      method: 'ablation',
      measures: 'what the logit loses when a feature is taken out at all tokens; what the SAE misses stays',
      frozen: 'nothing',
      linear: 'nothing',
    },
    ...(patched
      ? [
          {
            method: 'attribution patching',
            measures: 'what the clean text’s activation at one place would bring back, to first order',
            frozen: 'nothing',
            linear: `${BENDS}: at the corrupted text`,
          },
          {
            method: 'patching',
            measures: 'what the clean text’s activation at one place does bring back in the corrupted one',
            frozen: 'nothing',
            linear: 'nothing',
          },
        ]
      : []),
  ]
}
