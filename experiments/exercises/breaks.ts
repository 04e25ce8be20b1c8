// Faults to put into the code on purpose: say first what will happen, then look.

export interface Break {
  readonly name: string
  readonly file: string
  /** What stands there, once, and what to write instead. */
  readonly from: string
  readonly to: string
  /** A command that shows what it does. */
  readonly run: string
  readonly predict: string
  readonly answer: string
}

export const BREAKS: readonly Break[] = [
  {
    name: 'break-causal',
    file: 'engine/reference/attention.ts',
    from: 'past + i + 1)',
    to: 'past + i)',
    run: 'npm test -- attention',
    predict: 'A query no longer sees its own key. What does the first token get, and do only numbers change?',
    answer:
      'The first token sees no key at all. Its largest score is minus infinity, its sum of exp is 0, and no number comes of it. Tests of every backend fail, because all are held to this file.',
  },
  {
    name: 'break-eps',
    file: 'engine/reference/layer-norm.ts',
    from: '1 / Math.sqrt(variance + eps)',
    to: '1 / (Math.sqrt(variance) + eps)',
    run: 'npm test -- ops',
    predict: 'eps is 1e-5. On which rows can the difference be seen at all?',
    answer:
      'On rows of small variance: sqrt(1e-6 + 1e-5) is three times sqrt(1e-6) + 1e-5. On the rows of a text the difference is below rounding, which is how such a fault survives for years. A constant row gives 0 either way.',
  },
  {
    name: 'break-residual',
    file: 'gpt2/block.ts',
    from: 'return ops.linear(input, layer, { residual: stream })',
    to: 'return ops.linear(input, layer)',
    run: 'npm run generate -- --prompt "def add("',
    predict:
      'Each half of a block now replaces the stream and no longer adds to it. How many layers of the text are left at the end?',
    answer:
      'The last half alone speaks. What the embedding and the earlier layers wrote is gone, unless every layer passes it on, and none was trained to do so.',
  },
  {
    name: 'break-scale',
    file: 'gpt2/attention.ts',
    from: '(scaledByHead ? 1 / Math.sqrt(dHead) : 1)',
    to: '(scaledByHead ? 1 : 1)',
    run: 'npm run generate -- --prompt "def add("',
    predict:
      'Scores are no longer divided by the root of dHead, which is 5.7 here. Which shares does softmax give then?',
    answer:
      'Nearly all to one key. The heads were trained to mix, and now each copies from one token. The text still begins as code, because some heads looked at one token anyhow, and soon falls apart.',
  },
  {
    name: 'break-b-dec',
    file: 'sae/decoder.ts',
    from: 'sparseDecode(features, sae.W_dec, sae.b_dec)',
    to: 'sparseDecode(features, sae.W_dec, await ops.subtract(sae.b_dec, sae.b_dec))',
    run: 'npm run sae-quality -- --layers 3',
    predict:
      'b_dec is left out of what is rebuilt. Which figures stay as they are, and by how much does the explained variance fall from 0.815?',
    answer:
      'L0, L1, dead and dense features stay: they are of the encoder. Every row now misses the same constant row. The explained variance falls to 0.640, the cosine to 0.867, and the model loses 0.95 nats per token where it lost 0.43.',
  },
  {
    name: 'break-bos',
    file: 'sae/metrics.ts',
    from: 'features: SparseRows, skip = 1)',
    to: 'features: SparseRows, skip = 0)',
    run: 'npm run sae-quality -- --layers 5',
    predict:
      'BOS now counts in all means: 140 tokens beside 4,020. Its row is twice as long as others, and the SAE was not trained on it. Which figures notice?',
    answer:
      'The explained variance falls from 0.795 to 0.732 and the MSE rises from 46.6 to 66.2: squares make 3 % of the tokens count for much more. The cosine hardly moves (0.902 to 0.903), and the loss with the SAE in place not at all.',
  },
]
