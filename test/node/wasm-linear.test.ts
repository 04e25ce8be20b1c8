import * as fc from 'fast-check'
import { geluErfOf } from '../../engine/reference/gelu-erf.ts'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Activation } from '../../engine/backend.ts'
import { Tensor } from '../../engine/tensor.ts'
import { Engine, type EngineOptions } from '../../engine/wasm/engine.ts'
import { runLinear } from '../../engine/wasm/linear.ts'
import { kernelModules } from '../../engine/wasm/module.ts'
import { prepareLinear, readColumn } from '../../engine/wasm/panels.ts'
import { platform as nodePlatform } from '../../engine/wasm/platform/platform-node.ts'
import { sourceOf } from '../../engine/weights/weights.ts'

const test = suite('wasm linear')

/** Every kind of module this machine can run, by a name for error messages. */
const variants: Record<string, EngineOptions> = {
  'mul+add': { fused: false, paired: false },
  fma: { paired: false },
  'mul+add paired': { fused: false },
  'fma paired': {},
}
const engines = Object.fromEntries(
  Object.entries(variants).map(([name, options]) => [
    name,
    new Engine(nodePlatform, kernelModules, { ...options, threads: 1 }),
  ]),
)
/** Engines that must give the same bits: they differ in threads and width of code only. */
const threaded = [2, 3].map((threads) => new Engine(nodePlatform, kernelModules, { threads }))
const alike = [engines['fma'], engines['fma paired'], ...threaded]

interface Case {
  readonly x: Tensor
  readonly weight: Tensor // [in, out]
  readonly bias: Tensor
  readonly residual: Tensor | undefined
  readonly activation: Activation
}

/** Numbers in -1..1, the same for the same seed (a linear congruential generator). */
function randomTensor(shape: readonly number[], seed: number): Tensor {
  const tensor = Tensor.zeros(shape)
  let state = seed >>> 0
  for (let i = 0; i < tensor.data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    tensor.data[i] = state / 2 ** 31 - 1
  }
  return tensor
}

function caseOf(
  rows: number,
  inputs: number,
  outputs: number,
  seed = 1,
  activation: Activation = 'none',
): Case {
  return {
    x: randomTensor([rows, inputs], seed),
    weight: randomTensor([inputs, outputs], seed + 1),
    bias: randomTensor([outputs], seed + 2),
    residual: seed % 2 === 0 ? randomTensor([rows, outputs], seed + 3) : undefined,
    activation,
  }
}

async function run(engine: Engine, { x, weight, bias, residual, activation }: Case): Promise<Tensor> {
  const { arena } = engine
  const before = arena.usedBytes
  const layer = await prepareLinear(engine, sourceOf('weight', weight), sourceOf('bias', bias))
  const shape = [x.shape[0], layer.out]
  const place = (tensor: Tensor): number => {
    const address = arena.allocate(tensor.data.length * 4, 'a test')
    arena.floats(address, tensor.data.length).set(tensor.data)
    return address
  }
  const [xAt, residualAt] = [place(x), residual ? place(residual) : 0]
  const out = place(new Tensor(shape, new Float32Array(shape[0] * shape[1]).fill(-99)))
  await runLinear(engine, layer, { x: xAt, rows: shape[0], residual: residualAt, out, activation })
  const result = Tensor.of(shape, arena.floats(out, shape[0] * shape[1]))
  for (const address of residual ? [xAt, out, residualAt] : [xAt, out]) arena.release(address)
  for (const block of [layer.weights, layer.bias]) block.free()
  assert.is(arena.usedBytes, before)
  return result
}

const inFloat64: Record<Activation, (x: number) => number> = {
  none: (x) => x,
  relu: (x) => (x <= 0 ? 0 : x),
  geluErf: geluErfOf,
  gelu: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
}

/** The largest error against plain float64 loops, over sum |x w|, which is what rounding scales with. */
function worstError({ x, weight, bias, residual, activation }: Case, result: Tensor): number {
  const [rows, inputs] = x.shape
  const outputs = weight.shape[1]
  let worst = 0
  for (let r = 0; r < rows; r++)
    for (let n = 0; n < outputs; n++) {
      let sum = bias.data[n]
      let scale = Math.abs(sum) + 1
      for (let k = 0; k < inputs; k++) {
        const product = x.data[r * inputs + k] * weight.data[k * outputs + n]
        sum += product
        scale += Math.abs(product)
      }
      const expected = inFloat64[activation](sum) + (residual?.data[r * outputs + n] ?? 0)
      worst = Math.max(worst, Math.abs(result.data[r * outputs + n] - expected) / scale)
    }
  return worst
}

function sameBits(a: Tensor, b: Tensor): boolean {
  const bits = (tensor: Tensor) =>
    new Uint32Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.length)
  const [left, right] = [bits(a), bits(b)]
  return left.length === right.length && left.every((word, i) => word === right[i])
}

const shapes = fc.record({
  rows: fc.integer({ min: 0, max: 20 }),
  inputs: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(127, 128, 129, 257, 509)),
  outputs: fc.integer({ min: 0, max: 90 }),
  seed: fc.integer({ min: 0, max: 1 << 20 }),
  activation: fc.constantFrom<Activation>('none', 'gelu', 'geluErf', 'relu'),
})

for (const [name, engine] of Object.entries(engines))
  test(`${name} (${engine.mode}) is near float64 on any shape`, async () => {
    await fc.assert(
      fc.asyncProperty(shapes, async ({ rows, inputs, outputs, seed, activation }) => {
        const input = caseOf(rows, inputs, outputs, seed, activation)
        assert.ok(worstError(input, await run(engine, input)) < 1e-6)
      }),
      { numRuns: 60, seed: 7 },
    )
    const long = caseOf(7, 3072, 37, 4)
    assert.ok(worstError(long, await run(engine, long)) < 2e-7)
  })

test('threads and code width change no bit', async () => {
  for (const input of [
    caseOf(1, 768, 1000, 2),
    caseOf(13, 300, 517, 3, 'gelu'),
    caseOf(200, 130, 24, 4),
    caseOf(50, 3072, 70, 5),
  ]) {
    const [first, ...others] = await Promise.all(alike.map((engine) => run(engine, input)))
    for (const other of others) assert.ok(sameBits(first, other))
  }
})

test('a row alone has the bits it has in any batch', async () => {
  for (const engine of Object.values(engines)) {
    const whole = caseOf(23, 389, 70, 6, 'gelu')
    const batch = await run(engine, whole)
    for (const [from, to] of [
      [0, 1],
      [22, 23],
      [5, 7],
      [3, 16],
    ]) {
      const part = { ...whole, x: whole.x.rows(from, to), residual: whole.residual?.rows(from, to) }
      assert.ok(
        sameBits(await run(engine, part), new Tensor([to - from, 70], batch.data.slice(from * 70, to * 70))),
      )
    }
  }
})

test('NaN and infinity reach the outputs they belong to, and no others', async () => {
  for (const engine of Object.values(engines))
    for (const activation of ['none', 'gelu', 'geluErf', 'relu'] as const) {
      const input = { ...caseOf(9, 5, 19, 1, activation), residual: undefined }
      const clean = await run(engine, input)
      input.x.data[3 * 5 + 2] = NaN
      input.x.data[7 * 5 + 4] = Infinity
      const result = await run(engine, input)
      for (let i = 0; i < result.data.length; i++) {
        const row = Math.floor(i / 19)
        const up = input.weight.data[4 * 19 + (i % 19)] > 0
        if (row === 3) assert.ok(Number.isNaN(result.data[i]))
        else if (row !== 7) assert.is(result.data[i], clean.data[i])
        else
          assert.equal(
            result.data[i],
            up ? Infinity : { none: -Infinity, gelu: NaN, geluErf: NaN, relu: 0 }[activation],
          )
      }
    }
})

test('a transposed weight packs to the same panels; columns read back', async () => {
  const engine = engines['fma']
  const weight = randomTensor([300, 45], 9)
  const turned = Tensor.zeros([45, 300])
  for (let k = 0; k < 300; k++)
    for (let n = 0; n < 45; n++) turned.data[n * 300 + k] = weight.data[k * 45 + n]
  const a = await prepareLinear(engine, sourceOf('w', weight))
  const b = await prepareLinear(engine, sourceOf('w', turned), undefined, { transposed: true })
  assert.equal(
    engine.arena.floats(a.weights.address, 300 * 48),
    engine.arena.floats(b.weights.address, 300 * 48),
  )
  const column = new Float32Array(300)
  readColumn(engine, b, 44, column)
  assert.equal(column, turned.row(44))
  for (const layer of [a, b]) for (const block of [layer.weights, layer.bias]) block.free()
})

test.run()
