// What a right implementation gives with a model's real weights, and who says so.
export interface Expected {
  /** Greedy continuations of token ids, nothing prepended. */
  readonly greedyIds: readonly { prompt: readonly number[]; ids: readonly number[]; source: string }[]
  /** Greedy continuations of a text, nothing prepended. */
  readonly greedyTexts: readonly { prompt: string; text: string; source: string }[]
  /** Mean losses in nats per token, BOS prepended and its prediction counted. */
  readonly losses: readonly { text: string; loss: number; tolerance: number; source: string }[]
  readonly splices: readonly Splice[]
  /** The most probable next token after ids without BOS, and its logit. */
  readonly lastLogits: readonly {
    ids: readonly number[]
    id: number
    logit: number
    tolerance: number
    source: string
  }[]
  /** As released, on texts that are not known: printed, never failing. By hook. */
  readonly release: ReadonlyMap<string, { l0: number; explainedVariance: number }>
  readonly releaseSource: string
}

/** A text with an SAE spliced in at all positions, BOS too, or the SAE's stream zeroed; BOS prepended. */
export interface Splice {
  readonly hook: string
  readonly text: string
  readonly clean: number
  readonly spliced: number
  readonly zeroAblated: number
  readonly lossTolerance: number
  /** The most probable next tokens and their probabilities in percent, falling. */
  readonly next: Readonly<Partial<Record<'clean' | 'spliced', Readonly<Record<string, number>>>>>
  readonly percentTolerance: number
  readonly source: string
}

const transformers = 'transformers, tests/models/gpt2/test_modeling_gpt2.py'
const explorer = 'poloclub/transformer-explainer, its examples'

/** The logits of an example are printed to four decimals; with which precision they were computed is not known. */
const example = (ids: readonly number[], id: number, logit: number) => ({
  ids,
  id,
  logit,
  tolerance: 0.05,
  source: explorer,
})

const l0 = [10, 10, 18, 23, 31, 41, 51, 54, 60, 70, 52, 56]
const explainedVariance = [
  ...Array<number>(4).fill(0.999),
  ...Array<number>(5).fill(0.9),
  ...Array<number>(3).fill(0.77),
]

/** openai-community/gpt2 and gpt2-small-res-jb. */
export const gpt2Expected: Expected = {
  greedyIds: [
    {
      prompt: [464, 3290], // "The dog"
      ids: [
        373, 1043, 287, 257, 2214, 1474, 262, 16246, 286, 2688, 290, 2688, 27262, 13, 198, 198, 464, 3290,
      ],
      source: transformers,
    },
  ],
  greedyTexts: [
    {
      prompt: 'Hello, my dog is a little',
      text: " bit of a mess. I'm not sure if he's going",
      source: transformers,
    },
  ],
  losses: [
    {
      text: 'Hello world!',
      loss: 5.331856,
      tolerance: 1e-4,
      source: 'TransformerLens, tests/integration/test_hooked_transformer.py',
    },
  ],
  splices: [
    {
      hook: 'blocks.8.hook_resid_pre',
      text: 'When John and Mary went to the shops, John gave the bag to',
      clean: 3.97909,
      spliced: 3.93088,
      zeroAblated: 11.21423,
      lossTolerance: 1e-3,
      next: {
        clean: { ' Mary': 69.93, ' them': 6.49, ' the': 4.66, ' his': 2.66, ' John': 2.49 },
        spliced: { ' Mary': 38.78, ' them': 14.0, ' the': 7.52, ' John': 5.64, ' her': 5.3 },
      },
      percentTolerance: 0.05,
      source: 'SAELens, tutorials/basic_loading_and_analysing.ipynb',
    },
  ],
  lastLogits: [
    example([6601, 32704, 795, 30132, 2985, 284], 38350, -135.9132),
    example([8001, 9542, 9345, 318, 25449, 262], 835, -100.8785),
    example([1722, 262, 40663, 373, 13885, 262], 5440, -92.8636),
    example([2202, 262, 36043, 5440, 484, 5071, 257], 6283, -89.0186),
    example([40, 31909, 50035, 4495, 11330, 262], 6817, -93.251),
  ],
  release: new Map(
    l0.map((l0, layer) => [
      `blocks.${layer}.hook_resid_pre`,
      { l0, explainedVariance: explainedVariance[layer] },
    ]),
  ),
  releaseSource: 'SAELens, pretrained_saes.yaml; on which texts is not known',
}
