// A corpus's result as stored in files: hence snake_case.

/** A feature over the corpus, a row of features.parquet. Rows are sorted by layer, as the manifest lists them, then feature. */
export interface FeatureRow extends Record<string, unknown> {
  layer: number
  hook: string
  feature: number
  /** Tokens on which its activation is above 0. */
  firings: bigint
  density: number
  /** Over the tokens on which it fires; null if it never does. */
  mean: number | null
  max: number | null
  sum: number
  sum_of_squares: number
  /** Firings by the manifest's `bin_edges`: bin i is from edge i up to edge i + 1, the first and the last open. */
  histogram: bigint[]
  /** The token of its strongest firing. */
  token: string | null
  promoted: string[]
  promoted_logits: number[]
  suppressed: string[]
  suppressed_logits: number[]
  /** Features that fire on the same tokens, the most correlated first; on the tokens that the manifest calls `sampled`. */
  partners: number[]
  partners_together: number[]
  partners_correlation: number[]
  /** The labels of the documents in which it fires, most firings first. */
  labels: string[]
  label_firings: bigint[]
  /** Its rows in examples.parquet, counted from 0. */
  first_example: number
  examples: number
}

/** A firing, a row of examples.parquet. */
export interface ExampleRow extends Record<string, unknown> {
  layer: number
  feature: number
  /** 0: one of the strongest. From 1: drawn from this interval of the firings, 1 the strongest. */
  interval: number
  /** The interval's bounds, and the firings in it; of the strongest, the activation itself, and null. */
  interval_from: number
  interval_to: number
  interval_firings: bigint | null
  activation: number
  document: number
  file: string
  row: number
  /** Position in the document, whose first token is 1. */
  position: number
  label: string | null
  /** Which of `tokens` fires. */
  at: number
  token_ids: number[]
  tokens: string[]
  activations: number[]
}

/** A feature over a corpus. */
export interface CorpusFeature {
  readonly row: FeatureRow
  /** The strongest firings, then those of each interval. */
  readonly examples: readonly ExampleRow[]
}

/** A row of layers.parquet. */
export interface LayerRow extends Record<string, unknown> {
  layer: number
  hook: string
  d_sae: number
  tokens: bigint
  /** Mean number of active features per token, over the corpus. */
  l0: number
  /** Active on no token of the corpus. */
  dead_features: number
  /** Active on more than a tenth of the tokens. */
  dense_features: number
  /** What follows is measured on windows drawn by hash, with so many tokens. */
  measured_tokens: number
  explained_variance: number
  ce_clean: number
  ce_spliced: number
  ce_zero_ablated: number
  ce_mean_ablated: number
  ce_recovered: number
  ce_recovered_of_mean: number
}

/** manifest.json: what the result was made of. It is written last, and makes the result valid. */
export interface Manifest {
  format: string
  model: string
  /** SHA-256 of all weights, read as float32. */
  model_sha256: string
  layers: { layer: number; hook: string; d_sae: number; sha256: string }[]
  texts: {
    files: { name: string; bytes: number }[]
    /** SHA-256 of all windows’ token ids, shard by shard. */
    sha256: string
    documents: number
    windows: number
    /** Without BOS. */
    tokens: number
    bad_input: number
  }
  /** Labels, and how many tokens have each. */
  labels: { label: string; tokens: number }[]
  /** On how many tokens co-firing was counted: those with the smallest hashes. */
  sampled: number
  bin_edges: number[]
  seed: number
  shard_tokens: number
  /** What --store kept for each token, `features` or names of hooks, and in files of how many shards. */
  store?: { kept: string[]; shards: number }
  bos: string
  code: string
  arithmetic: string
  command: string
}

export const CORPUS_FORMAT = 'clearbox corpus 1'
