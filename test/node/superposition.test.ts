// The toy of superposition: its gradient, its loss, what is said of its arrows, and that it ends as rarity wants it.
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createRandom, normal } from '../../engine/random.ts'
import { record } from '../../engine/tape.ts'
import { Tensor } from '../../engine/tensor.ts'
import { sourceOf } from '../../engine/weights/weights.ts'
import {
  arrowsOf,
  describeArrows,
  describePay,
  expectedLoss,
  twoKeptLoss,
} from '../../experiments/lab/analysis/superposition/judge.ts'
import {
  FEATURES,
  importances,
  lossOf,
  PRESENT,
  STEPS,
  ToyTraining,
  trainToy,
  type Toy,
} from '../../experiments/lab/analysis/superposition/toy.ts'
import { crowdOf } from '../../experiments/superposition/crowd.ts'
import { reference } from '../helpers/backends.ts'

/** Numbers of three digits: none so near to a bend of the ReLU that only its rounding decides. */
const numbers = (length: number, least: number, most: number) =>
  fc.array(
    fc.integer({ min: 1000 * least, max: 1000 * most }).map((value) => value / 1000),
    { minLength: length, maxLength: length },
  )

/** A toy, a row of which some features are absent, and how much each next feature matters. */
const cases = fc.record({
  W: numbers(2 * FEATURES, -1.5, 1.5),
  b: numbers(FEATURES, -0.5, 0.5),
  x: numbers(FEATURES, -1, 1).map((row) => row.map((value) => Math.max(0, value))),
  decay: fc.double({ min: 0.3, max: 1, noNaN: true }),
})

const toyOf = ({ W, b }: { W: readonly number[]; b: readonly number[] }): Toy => {
  return { W: Float64Array.from(W), b: Float64Array.from(b) }
}

const noGradient = (): Toy =>
  toyOf({ W: Array<number>(2 * FEATURES).fill(0), b: Array<number>(FEATURES).fill(0) })

/** Arrows at these angles, in degrees, and of these lengths. */
function arrowsAt(angles: readonly number[], lengths: readonly number[] = angles.map(() => 1)): Toy {
  const W = new Float64Array(2 * FEATURES)
  for (const [i, angle] of angles.entries()) {
    W[2 * i] = lengths[i] * Math.cos((angle * Math.PI) / 180)
    W[2 * i + 1] = lengths[i] * Math.sin((angle * Math.PI) / 180)
  }
  return { W, b: new Float64Array(FEATURES) }
}

const learning = suite('superposition: the toy')

learning('its gradient is what nudging each number gives', () => {
  const [nudge, kink] = [1e-6, 1e-4]
  fc.assert(
    fc.property(cases, ({ W, b, x: row, decay }) => {
      const [x, importance] = [Float64Array.from(row), importances(decay)]
      const [h0, h1] = [0, 1].map((k) => row.reduce((sum, value, i) => sum + value * W[2 * i + k], 0))
      // Where the ReLU bends there is no derivative to be measured.
      fc.pre(b.every((bias, i) => Math.abs(W[2 * i] * h0 + W[2 * i + 1] * h1 + bias) > kink))
      const gradient = noGradient()
      lossOf(toyOf({ W, b }), x, importance, gradient)
      const slope = (loss: (by: number) => number): number => (loss(nudge) - loss(-nudge)) / (2 * nudge)
      for (const [at, number] of W.entries()) {
        const measured = slope((by) => lossOf(toyOf({ W: W.with(at, number + by), b }), x, importance))
        assert.ok(
          Math.abs(measured - gradient.W[at]) < 1e-7,
          `W[${at}]: ${gradient.W[at]}, nudged ${measured}`,
        )
      }
      for (const [at, number] of b.entries()) {
        const measured = slope((by) => lossOf(toyOf({ W, b: b.with(at, number + by) }), x, importance))
        assert.ok(
          Math.abs(measured - gradient.b[at]) < 1e-7,
          `b[${at}]: ${gradient.b[at]}, nudged ${measured}`,
        )
      }
    }),
    { seed: 1, numRuns: 200 },
  )
})

learning('its gradient is what the tape gives, the two uses of W added', async () => {
  const [sample] = fc.sample(cases, { seed: 5, numRuns: 1 })
  const [x, importance] = [Float64Array.from(sample.x), importances(sample.decay)]
  const gradient = noGradient()
  lossOf(toyOf(sample), x, importance, gradient)
  const W = Tensor.of([FEATURES, 2], sample.W)
  const into = await reference.prepareLinear(sourceOf('W', W))
  const back = await reference.prepareLinear(
    sourceOf('W', W),
    sourceOf('b', Tensor.of([FEATURES], sample.b)),
    { transposed: true },
  )
  await record(reference, async (tape) => {
    const row = tape.upload(Tensor.of([1, FEATURES], sample.x))
    const y = await tape.linear(await tape.linear(row, into), back, { activation: 'relu' })
    const error = await tape.download(await tape.subtract(y, row))
    const dY = Tensor.of(
      [1, FEATURES],
      error.data.map((value, i) => 2 * importance[i] * value),
    )
    const gradients = await tape.backward(y, tape.upload(dY), [into, back])
    const [first, second] = [gradients.of(into), gradients.of(back)]
    const [dInto, dBack, dB] = [
      await tape.download(first.weight), // [FEATURES, 2]
      await tape.download(second.weight), // [2, FEATURES]
      await tape.download(second.bias!),
    ]
    for (let i = 0; i < FEATURES; i++) {
      assert.ok(Math.abs(dB.data[i] - gradient.b[i]) < 1e-6)
      for (const k of [0, 1]) {
        const sum = dInto.data[2 * i + k] + dBack.data[k * FEATURES + i]
        assert.ok(Math.abs(sum - gradient.W[2 * i + k]) < 1e-6, `${sum}, not ${gradient.W[2 * i + k]}`)
      }
    }
  })
  assert.ok(gradient.W.some((value) => Math.abs(value) > 0.01))
})

learning('the same seed gives the same bits, on any machine; another seed others', () => {
  const settings = { present: 0.1, decay: 0.9, seed: 3 }
  const training = new ToyTraining(settings)
  for (let step = 0; step < STEPS + 5; step++) training.step() // a step after the last is none
  const { W, b } = trainToy(settings)
  assert.equal([training.steps, training.toy.W, training.toy.b], [STEPS, W, b])
  assert.equal([W[0], b[0]], [-0.319299006491434, -0.20862313274242222])
  assert.not.equal(trainToy({ ...settings, seed: 4 }).W, W)
})

learning.run()

const losing = suite('superposition: its loss')

losing(
  'the sum over all rows is the closed form where there is one: two kept, of the others the mean said',
  () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        fc.double({ min: 0.1, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 360, noNaN: true }),
        (present, decay, turn) => {
          const toy = arrowsAt([turn, turn + 90])
          toy.b.set([present / 2, present / 2, present / 2], 2)
          const [loss, closed] = [expectedLoss(toy, { present, decay }), twoKeptLoss({ present, decay })]
          assert.ok(Math.abs(loss - closed) < 1e-12, `${loss}, not ${closed}`)
        },
      ),
      { seed: 2, numRuns: 50 },
    )
  },
)

losing('the sum over all rows is the mean over many that are drawn', () => {
  const task = { present: 0.2, decay: 0.9 }
  const toy = trainToy({ ...task, seed: 0 })
  const [random, importance, rows] = [createRandom(9), importances(task.decay), 200_000]
  let [sum, squares] = [0, 0]
  for (let row = 0; row < rows; row++) {
    const x = Float64Array.from({ length: FEATURES }, () =>
      random.number() < task.present ? random.number() : 0,
    )
    const loss = lossOf(toy, x, importance)
    sum += loss
    squares += loss * loss
  }
  const mean = sum / rows
  const error = Math.sqrt((squares / rows - mean * mean) / rows)
  const loss = expectedLoss(toy, task)
  assert.ok(Math.abs(loss - mean) < 4 * error, `${loss}; of those drawn ${mean} ± ${error}`)
})

losing.run()

const seeing = suite('superposition: what is seen')

const forms: [form: string, toy: Toy][] = [
  ['pentagon', arrowsAt([10, 226, 82, 298, 154])],
  ['pentagon', arrowsAt([0, 80, 144, 210, 289], [0.6, 1, 1.2, 1, 1])],
  ['otherwise', arrowsAt([0, 84, 144, 210, 289])],
  ['opposite pairs', arrowsAt([45, 135, 225, 315])],
  ['opposite pairs', arrowsAt([45, 225])],
  ['right angle', arrowsAt([45, 315])],
  ['right angle', arrowsAt([0, 98, 200], [1, 0.6, 0.4])],
  ['otherwise', arrowsAt([0, 101])],
  ['otherwise', arrowsAt([0, 90, 180])],
  ['one', arrowsAt([0, 72, 144, 216, 288], [0.51, 0.5, 0.4, 0.3, 0.2])],
  ['none', noGradient()],
]
for (const [i, [form, toy]] of forms.entries())
  seeing(`${form}: arrows as in case ${i}`, () => assert.is(arrowsOf(toy).form, form))

seeing('angles go once round, whatever the arrows are; what one reads of another is mutual', () => {
  fc.assert(
    fc.property(cases, (sample) => {
      const { gaps, kept, reads, lengths } = arrowsOf(toyOf(sample))
      assert.is(gaps.length, kept.length)
      if (kept.length > 0) assert.ok(Math.abs(gaps.reduce((sum, gap) => sum + gap, 0) - 360) < 1e-9)
      assert.equal(
        kept,
        [...lengths.keys()].filter((i) => Math.hypot(sample.W[2 * i], sample.W[2 * i + 1]) > 0.5),
      )
      for (const [i, row] of reads.entries())
        for (const [j, value] of row.entries()) assert.is(value, reads[j][i])
    }),
    { seed: 3, numRuns: 200 },
  )
})

seeing('interference is squared and summed, above 0 and below', () => {
  const cos = (degrees: number) => Math.cos((degrees * Math.PI) / 180)
  const pentagon = arrowsOf(arrowsAt([0, 72, 144, 216, 288])).interference
  assert.ok(Math.abs(pentagon.above - 2 * cos(72) ** 2) < 1e-12)
  assert.ok(Math.abs(pentagon.below - 2 * cos(144) ** 2) < 1e-12)
  const pairs = arrowsOf(arrowsAt([0, 180], [1, 2])).interference
  assert.equal([pairs.above, pairs.below], [0, 4])
})

seeing('words follow the numbers', () => {
  const said = (toy: Toy) => describeArrows(arrowsOf(toy))
  assert.match(said(arrowsAt([0, 72, 144, 216, 288])), /^All five .* pentagon.*: 72°, 72°, 72°, 72°, 72°\.$/)
  assert.match(said(arrowsAt([0, 90, 180, 270])), /^Four .* in opposite pairs.* One is given up\.$/)
  assert.match(
    said(arrowsAt([0, 90])),
    /^Two .* kept, at right angles \(90°\): neither .* Three are given up\.$/,
  )
  assert.match(said(arrowsAt([0, 94])), /^Two .* almost at right angles \(94°\): they hardly disturb .*$/)
  assert.match(
    said(arrowsAt([0, 90, 180])),
    /^Three features are kept\. .*: 90°, 90°, 180°\. Two are given up\.$/,
  )
  assert.is(said(arrowsAt([7])), 'One feature is kept. Four are given up.')
  assert.is(said(noGradient()), 'No feature is kept.')
  assert.match(
    describePay(0.03, 0.1),
    /^The loss is 0\.0300; .* 0\.100: with superposition the loss is 70 % lower\.$/,
  )
  assert.match(describePay(0.1004, 0.1), /: nothing is gained\.$/)
  assert.match(describePay(0.2, 0.1), /: that would be better\.$/)
})

seeing.run()

const ending = suite('superposition: where it ends')
const ended = (present: number, decay = 0.9, seed = 0) => {
  const toy = trainToy({ present, decay, seed })
  return { ...arrowsOf(toy), share: expectedLoss(toy, { present, decay }) / twoKeptLoss({ present, decay }) }
}

ending('always present: the two that matter most, at right angles, and nothing is gained', () => {
  for (const seed of [0, 1, 2]) {
    const { form, kept, share } = ended(1, 0.9, seed)
    assert.equal([form, kept], ['right angle', [0, 1]])
    assert.ok(share > 1 && share < 1.002, `${share}`)
  }
})

ending('half the time: four, in opposite pairs', () => {
  const { form, kept, share } = ended(0.5)
  assert.equal([form, kept.length], ['opposite pairs', 4])
  assert.ok(share < 0.95, `${share}`)
})

ending('rarely: all five, as a pentagon, and it pays', () => {
  for (const seed of [0, 1, 2]) {
    const { form, lengths, gaps, share } = ended(0.05, 0.9, seed)
    assert.is(form, 'pentagon')
    assert.ok(Math.min(...lengths) > 0.5)
    for (const gap of gaps) assert.ok(Math.abs(gap - 72) < 5, `${gap}`)
    assert.ok(share < 0.25, `${share}`)
  }
})

ending('rarely, but the fifth hardly matters: four, and no pentagon', () => {
  for (const seed of [0, 1, 2]) {
    const { form, kept } = ended(0.03, 0.5, seed)
    assert.equal([form, kept.length], ['opposite pairs', 4])
  }
})

ending('it never ends worse than two features alone at any of the slider’s stops', () => {
  for (const present of PRESENT) {
    const { share } = ended(present)
    assert.ok(share < 1.002, `${present}: ${share}`)
  }
})

ending.run()

const crowds = suite('superposition: how crowded directions are')

crowds('at right angles, alike, and opposite', () => {
  const { mean, above, nearest, directions, dimensions } = crowdOf(
    '',
    Tensor.of([4, 3], [2, 0, 0, 0, 1, 0, 0, 0, 3, -1, 0, 0]),
  )
  assert.equal([directions, dimensions, mean, above], [4, 3, 1 / 6, 1 / 6])
  assert.is(nearest, 0.5) // 1, 0, 0, 1
})

crowds('directions drawn at random have the mean cosine that theory gives', () => {
  const [random, size] = [createRandom(1), 128]
  const rows = Tensor.of(
    [300, size],
    Float32Array.from({ length: 300 * size }, () => normal(random)),
  )
  const { mean } = crowdOf('', rows)
  assert.ok(Math.abs(mean / Math.sqrt(2 / (Math.PI * size)) - 1) < 0.01, `${mean}`)
})

crowds.run()
