import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { func, i32, local, v128 } from 'wasmati'
import { forLanes, multiplyAdd } from '../../engine/wasm/emit.ts'
import { moduleBytes } from '../../engine/wasm/function.ts'
import { instantiate } from '../../engine/wasm/instance.ts'
import { emitExp, emitGelu } from '../../engine/wasm/math.ts'
import { MAX_PAGES } from '../../engine/wasm/memory.ts'

const test = suite('wasm math')

const COUNT = 1 << 12
/** Where the numbers lie: behind the constants. */
const AT = 1024
const memory = new WebAssembly.Memory({ initial: 1, maximum: MAX_PAGES })

/** exp and gelu of COUNT numbers at AT, in place. */
function mathModule(fused: boolean): Record<'exp' | 'gelu', (bytes: number) => void> {
  const madd = multiplyAdd(fused)
  const inPlace = (gelu: boolean) =>
    func(
      { in: [i32], locals: [i32, v128, v128, v128, v128, v128], out: [] },
      ([bytes], [c, x, e, n, r, sum]) =>
        forLanes(c, bytes, ({ load, store }) => {
          local.set(x, load(c, AT))
          if (gelu) emitGelu(x, e, { n, r, sum }, madd)
          else emitExp(x, { n, r, sum }, madd)
          store(c, x, AT)
        }),
    )
  const bytes = moduleBytes({ exp: inPlace(false), gelu: inPlace(true) }, { paired: false, shared: false })
  return instantiate(new WebAssembly.Module(bytes), memory)
}

/** The largest |f(x) - expected(x)| / scale over numbers x, as the kernel computes f. */
function worst(
  f: (bytes: number) => void,
  numbers: Float32Array,
  error: (got: number, x: number) => number,
): number {
  const view = new Float32Array(memory.buffer, AT, COUNT)
  let largest = 0
  for (let from = 0; from < numbers.length; from += COUNT) {
    const part = numbers.subarray(from, from + COUNT)
    view.set(part)
    f(part.length * 4)
    for (let i = 0; i < part.length; i++) largest = Math.max(largest, error(view[i], part[i]))
  }
  return largest
}

/** Distance between two float32 neighbours at a number's size; that of the smallest ones below 2^-126. */
function unit(x: number): number {
  return 2 ** Math.max(-149, Math.floor(Math.log2(Math.abs(x) || 2 ** -149)) - 23)
}

/** `count` numbers evenly between two. */
function between(from: number, to: number, count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1))
}

for (const fused of [false, true]) {
  const { exp, gelu } = mathModule(fused)
  const name = fused ? 'fma' : 'mul+add'

  test(`exp is within 2 units in the last place over its whole range (${name})`, () => {
    const error = (got: number, x: number) => {
      const expected = Math.exp(x)
      return Math.fround(expected) === got ? 0 : Math.abs(got - expected) / unit(expected)
    }
    const found = worst(exp, between(-104, 88.722, 1 << 20), error)
    assert.ok(found < 2, `${found} units`)
    assert.is(worst(exp, Float32Array.of(-Infinity, -1e30, -104.1, 0, 88.73, 1e30, Infinity), error), 0)
    assert.ok(Number.isNaN(worst(exp, Float32Array.of(NaN), (got) => got)))
  })

  test(`gelu is within 3e-7 (1 + |x|) of the plain formula in float64 (${name})`, () => {
    const plain = (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
    const error = (got: number, x: number) => Math.abs(got - plain(x)) / (1 + Math.abs(x))
    for (const range of [12, 1, 0.001, 1e6]) {
      const found = worst(gelu, between(-range, range, 1 << 18), error)
      assert.ok(found < 3e-7, `${found} over ${range}`)
    }
    const ends = Float32Array.of(-Infinity, Infinity, NaN, 0, 3e38, -3e38)
    const same = (got: number, x: number) => (Object.is(got + 0, plain(x) + 0) ? 0 : 1)
    assert.is(worst(gelu, ends, same), 0)
  })
}

test.run()
