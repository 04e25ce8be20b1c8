// How weights are learned, number by number: a gradient by hand, attention backwards, a step, and a small SAE in training.
import type { Backend } from '../../engine/backend.ts'
import { createBackend } from '../../engine/backends.ts'
import { createRandom, type Random } from '../../engine/random.ts'
import { record } from '../../engine/tape.ts'
import { Tensor } from '../../engine/tensor.ts'
import { plainConfig } from '../../sae/config.ts'
import { SaeTraining } from '../../sae/train/training.ts'
import type { Stop } from './walk.ts'

/** How far a number is nudged in each direction. */
const NUDGE = 1e-5

/** A query, and the keys and values of three tokens. What counts is the first number that attention returns. */
const [QUERY, KEYS, VALUES] = [
  [1, 0.5],
  [
    [0.2, -0.4],
    [1, 0.3],
    [-0.5, 0.8],
  ],
  [
    [2, 0],
    [-1, 1],
    [0.5, 3],
  ],
]

/** Reference backend: the same on every machine. */
export async function walkBack(): Promise<Stop[]> {
  const ops = await createBackend('reference')
  const stops = [oneNumber(), ...(await attention(ops)), oneStep(), await sae(ops)]
  await ops.dispose()
  return stops
}

/** (f(x + h) - f(x - h)) / 2h */
function slope(f: (x: number) => number, x: number): number {
  return (f(x + NUDGE) - f(x - NUDGE)) / (2 * NUDGE)
}

function oneNumber(): Stop {
  const [w, x, wanted] = [0.5, 3, 2]
  const loss = (weight: number) => (weight * x - wanted) ** 2
  return {
    title: 'One weight: y = w x, and the loss is (y - wanted)^2',
    file: 'engine/reference/linear-backward.ts',
    code: 'for (let j = 0; j < outputs; j++) sums[j] += xi * dY.data[t * outputs + j]',
    lines: [
      `w ${w}, x ${x}, wanted ${wanted}: y ${w * x}, loss ${loss(w)}`,
      `by hand  dLoss/dy = 2 (y - wanted) = ${2 * (w * x - wanted)},  dLoss/dw = x dLoss/dy = ${x * 2 * (w * x - wanted)}`,
      `nudged   (${loss(w + NUDGE).toFixed(7)} - ${loss(w - NUDGE).toFixed(7)}) / ${2 * NUDGE} = ${slope(loss, w).toFixed(5)}`,
    ],
    says: 'The gradient is negative: a larger w makes the loss smaller.',
  }
}

/** softmax(q . k / sqrt(dHead)) over all keys, and the first number of the mixed values. */
function byHand(query: readonly number[]) {
  const scale = 1 / Math.sqrt(query.length)
  const powers = KEYS.map((key) => Math.exp(scale * key.reduce((sum, k, i) => sum + k * query[i], 0)))
  const total = powers.reduce((sum, power) => sum + power, 0)
  const shares = powers.map((power) => power / total)
  return { scale, shares, output: shares.reduce((sum, share, key) => sum + share * VALUES[key][0], 0) }
}

async function attention(ops: Backend): Promise<Stop[]> {
  const { scale, shares, output } = byHand(QUERY)
  const dShares = VALUES.map(([first]) => first)
  const dScores = shares.map((share, key) => share * (dShares[key] - output))
  const dQuery = QUERY.map((_, i) => KEYS.reduce((sum, key, j) => sum + dScores[j] * key[i] * scale, 0))
  const nudged = QUERY.map((number, i) => slope((x) => byHand(QUERY.with(i, x)).output, number))
  return [
    {
      title: 'Attention forward: the last of three tokens asks',
      file: 'engine/reference/attention.ts',
      code: 'sum += pattern.data[row + key] * v.data[(firstKey + key) * width + i]',
      lines: [`shares P      ${show(shares)}`, `first output  ${output.toFixed(5)}`],
      says: 'P = softmax(Q K^T scale), Y = P V. The first output is what counts here.',
    },
    {
      title: 'Back through Y = P V: the gradient of each share comes from its value',
      file: 'engine/reference/attention-backward.ts',
      code: 'dot += dY.data[atY] * v.data[atV]',
      lines: [`dP = dY V^T   ${show(dShares)}`],
      says: 'dY is 1 for the first output and 0 for the second, so dP is the first number of each value.',
    },
    {
      title: 'Back through softmax: a share that rises takes from the others',
      file: 'engine/reference/softmax-backward.ts',
      code: 'dX[i] = y[i] * (dY[i] - dot)',
      lines: [`P . dP        ${output.toFixed(5)}`, `dS            ${show(dScores)}`],
      says: `dS sums to ${Math.abs(dScores.reduce((sum, value) => sum + value, 0)).toFixed(5)}: raising all scores alike changes nothing.`,
    },
    {
      title: 'Back through S = Q K^T scale: every key adds to the gradient of the query',
      file: 'engine/reference/attention-backward.ts',
      code: 'dQ[atQ] += dS[key] * k.data[atK] * scale',
      lines: [
        `by hand       ${show(dQuery)}`,
        `nudged        ${show(nudged)}`,
        `by the tape   ${show(await byTape(ops))}`,
      ],
      says: 'Three ways, the same numbers. dK is computed alongside, with q instead of k.',
    },
    {
      title: 'What is kept for the backward pass',
      file: 'engine/tape-ops.ts',
      code: 'const pattern = await ops.attentionPattern(q, k, heads, texts, scale)',
      lines: [
        'q, k and v: 3 x 128 numbers per token in the bundled model',
        'P, computed again in the backward pass: 4 heads x 256 keys, 1,024 numbers per token in a full context',
      ],
      says: 'P grows with the square of the text’s length, so it is computed again and not kept.',
    },
  ]
}

/** The same gradient as the engine takes it. */
function byTape(ops: Backend): Promise<ArrayLike<number>> {
  const width = QUERY.length
  return record(ops, async (tape) => {
    const [q, k, v] = [[QUERY, QUERY, QUERY], KEYS, VALUES].map((rows) =>
      tape.upload(Tensor.of([rows.length, width], rows.flat())),
    )
    const y = await tape.attention(q, k, v, 1, [{ queries: 3, keys: 3 }])
    const counts = Tensor.of([3, width], [0, 0, 0, 0, 1, 0])
    const gradients = await tape.backward(y, tape.upload(counts), [q])
    return (await tape.download(gradients.at(q))).row(2)
  })
}

function oneStep(): Stop {
  const rate = 0.05
  const query = [...QUERY]
  const outputs = [byHand(query).output]
  for (let step = 0; step < 3; step++) {
    const gradient = query.map((number, i) => slope((x) => byHand(query.with(i, x)).output, number))
    for (const [i, value] of gradient.entries()) query[i] -= rate * value
    outputs.push(byHand(query).output)
  }
  return {
    title: 'Steps against the gradient, so that the first output falls',
    file: 'experiments/tour/gradients.ts',
    code: 'for (const [i, value] of gradient.entries()) query[i] -= rate * value',
    lines: [`output after 0, 1, 2 and 3 steps: ${outputs.map((value) => value.toFixed(5)).join(', ')}`],
    says: `The query moved from ${show(QUERY)} to ${show(query)}. These are plain steps, with a rate of ${rate}. Training uses Adam (engine/reference/adam.ts), which also divides by the typical size of past gradients.`,
  }
}

/** The SAE's data: each row is the sum of two of `FEATURES` directions of `WIDTH` numbers. */
const [FEATURES, WIDTH, ROWS, STEPS] = [20, 12, 64, 1500]

async function sae(ops: Backend): Promise<Stop> {
  const random = createRandom(6)
  const directions = Array.from({ length: FEATURES }, () => unit(random))
  const config = plainConfig({
    dIn: WIDTH,
    dSae: FEATURES,
    hookName: 'none',
    centered: false,
    modelName: 'none',
  })
  const schedule = { rate: 1e-2, steps: STEPS, warmUp: 50, decay: 500 }
  const costs = { l1: 0.3, l0: 0, k: 0, widths: [], costWarmUp: 200 }
  const settings = { architecture: 'standard', ...schedule, ...costs, deadAfter: 10 * ROWS } as const
  const training = await SaeTraining.begin(ops, config, settings, 1) // not the seed of the directions
  const lines: string[] = []
  while (training.steps < STEPS) {
    const { loss, l0, explainedVariance } = await training.step(sums(directions, random))
    if (![1, 200, 500, STEPS].includes(training.steps)) continue
    const found = foundOf(directions, (await training.weights()).get('W_dec')!)
    lines.push(
      `step ${String(training.steps).padStart(4)}  loss ${loss.toFixed(2).padStart(5)}  L0 ${l0.toFixed(1).padStart(4)}  ` +
        `explained variance ${explainedVariance.toFixed(2).padStart(5)}  directions found ${found} of ${FEATURES}`,
    )
  }
  training.release()
  return {
    title: `An SAE learns ${FEATURES} directions in ${WIDTH} dimensions; each row is the sum of two`,
    file: 'sae/train/training.ts',
    code: 'await this.#adam.step(result.of, { rate, scale: result.scale * clipScale(length, LONGEST_GRADIENT) })',
    lines,
    says: 'It saw only sums. A direction counts as found if some decoder row has a cosine above 0.9 with it.',
  }
}

function unit(random: Random): number[] {
  const numbers = Array.from({ length: WIDTH }, () => 2 * random.number() - 1)
  return numbers.map((value) => value / Math.hypot(...numbers))
}

function sums(directions: readonly (readonly number[])[], random: Random): Tensor {
  const x = Tensor.zeros([ROWS, WIDTH])
  for (let row = 0; row < ROWS; row++)
    for (let part = 0; part < 2; part++) {
      const [direction, size] = [directions[random.index(FEATURES)], 1 + random.number()]
      for (let i = 0; i < WIDTH; i++) x.row(row)[i] += size * direction[i]
    }
  return x
}

function foundOf(directions: readonly (readonly number[])[], W_dec: Tensor): number {
  const rows = Array.from({ length: FEATURES }, (_, j) => W_dec.row(j))
  const cosine = (direction: readonly number[], row: Float32Array) =>
    direction.reduce((sum, value, i) => sum + value * row[i], 0) / Math.hypot(...row)
  return directions.filter((direction) => rows.some((row) => cosine(direction, row) > 0.9)).length
}

function show(numbers: ArrayLike<number>): string {
  return `[${Array.from(numbers, (value) => value.toFixed(5)).join(', ')}]`
}
