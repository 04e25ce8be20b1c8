// Faults to put into the code on purpose: say first what will happen, then look.

export interface Break {
  readonly name: string
  readonly difficulty: 1 | 2 | 3
  readonly minutes: number
  readonly file: string
  /** What stands there, once, and what to write instead. */
  readonly from: string
  readonly to: string
  /** A command that shows what it does. */
  readonly run: string
  readonly predict: string
  readonly hints: readonly [string, string]
  readonly answer: string
}

export const BREAKS: readonly Break[] = [
  {
    name: 'break-causal',
    difficulty: 1,
    minutes: 10,
    file: 'engine/reference/attention.ts',
    from: 'past + i + 1)',
    to: 'past + i)',
    run: 'npm test -- attention',
    predict:
      'A query no longer sees its own key. What does the first token get: does only a number change, or does something break?',
    hints: [
      'Write down the scores of the first token. How many are there?',
      'Softmax takes the largest of no numbers from each, and divides by the sum of no powers.',
    ],
    answer:
      'The first token sees no key at all. Its largest score is minus infinity, its sum of exp is 0, and the result is NaN. Tests of every backend fail, because all are held to this file.',
  },
  {
    name: 'break-eps',
    difficulty: 2,
    minutes: 10,
    file: 'engine/reference/layer-norm.ts',
    from: '1 / Math.sqrt(variance + eps)',
    to: '1 / (Math.sqrt(variance) + eps)',
    run: 'npm test -- ops',
    predict: 'eps is 1e-5. On which rows can the difference be seen at all?',
    hints: [
      'Work out both for a variance of 1: sqrt(1 + 1e-5), and sqrt(1) + 1e-5.',
      'Now for a variance of 1e-6. Which rows have so small a one?',
    ],
    answer:
      'On rows of small variance: sqrt(1e-6 + 1e-5) is three times sqrt(1e-6) + 1e-5. On the rows of a text it is small: 5e-6 of the result at variance 1, and 3e-4 in block 0, whose rows have a variance near 0.01. The tests see that, because they compare numbers. What the model wrote on three prompts stayed the same, which is how such a fault survives for years. A constant row gives 0 either way.',
  },
  {
    name: 'break-residual',
    difficulty: 1,
    minutes: 5,
    file: 'gpt2/block.ts',
    from: 'return ops.linear(input, layer, { residual: stream })',
    to: 'return ops.linear(input, layer)',
    run: 'npm run generate -- --prompt "def add("',
    predict:
      'Each half of a block now replaces the stream and no longer adds to it. How much is left at the end of what the embedding and the earlier layers wrote?',
    hints: [
      'Follow the row of the embedding through the first block: what is added to it now?',
      'A half writes something made from what it reads. Was any of them trained to write down again all that it read?',
    ],
    answer:
      'The last half alone speaks. What the embedding and the earlier layers wrote is gone, unless every layer passes it on, and none was trained to do so.',
  },
  {
    name: 'break-scale',
    difficulty: 2,
    minutes: 5,
    file: 'gpt2/attention.ts',
    from: '(scaledByHead ? 1 / Math.sqrt(dHead) : 1)',
    to: '(scaledByHead ? 1 : 1)',
    run: 'npm run generate -- --prompt "def add("',
    predict:
      'Scores are no longer divided by the root of dHead, which is 5.7 here. Which shares does softmax give then?',
    hints: [
      'Every score is 5.7 times as large. Compare the softmax of [0, 1] with that of [0, 5.7].',
      'They are [0.27, 0.73] and [0.003, 0.997]. Which heads hardly notice the difference?',
    ],
    answer:
      'Nearly all to one key. The heads were trained to mix, and now each copies from one token. The text still begins as code, because some heads looked at one token anyway, and soon falls apart.',
  },
  {
    name: 'break-b-dec',
    difficulty: 2,
    minutes: 10,
    file: 'sae/decoder.ts',
    from: 'sparseDecode(features, sae.W_dec, sae.b_dec)',
    to: 'sparseDecode(features, sae.W_dec, await ops.subtract(sae.b_dec, sae.b_dec))',
    run: 'npm run sae-quality -- --layers 3',
    predict:
      'b_dec is left out of what is rebuilt. Which figures stay as they are, and by how much does the explained variance fall from 0.815?',
    hints: [
      'Which figures are made from features alone, and which from what is rebuilt?',
      'Every row now misses the same row. The explained variance divides the squared error by the spread about the mean: does a constant error cancel?',
    ],
    answer:
      'L0, L1, dead and dense features stay: they are of the encoder. Every row now misses the same constant row. The explained variance falls to 0.640, the cosine to 0.867, and the model loses 0.95 nats per token where it lost 0.43.',
  },
  {
    name: 'break-bos',
    difficulty: 3,
    minutes: 10,
    file: 'sae/metrics.ts',
    from: 'features: SparseRows, skip = 1)',
    to: 'features: SparseRows, skip = 0)',
    run: 'npm run sae-quality -- --layers 5',
    predict:
      'BOS now counts in all means: 140 tokens beside 4,020. Its row is twice as long as others, and the SAE was not trained on it. Which figures notice?',
    hints: [
      'In a mean of squares a row that is twice as long counts four times. In a cosine, does its length count?',
      'This file compares rows with what is rebuilt. Is the loss measured here?',
    ],
    answer:
      'The explained variance falls from 0.795 to 0.732 and the MSE rises from 46.6 to 66.2: squares make 3 % of the tokens count for much more. The cosine hardly moves (0.902 to 0.903), and the loss with the SAE in place not at all.',
  },
]
