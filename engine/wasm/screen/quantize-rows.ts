// Quantising rows of x: large numbers aside, a row becomes int8 values and what bounds the rest.
import { f32, f32x4, i16x8, i32, i32x4, i8x16, local, v128, type Local, type StackVar } from 'wasmati'
import { doWhile, forUpTo, increment, splat, when, type I32, type V128 } from '../emit.ts'
import { call, func } from '../function.ts'
import { f32s, i32s, KERNELS } from '../kernels.ts'
import { INT8_OFFSET, LARGE, LEAST, MAX_LARGE, MOST, ROW_MOST } from './bound.ts'
import { INT8_ROWS, INT8_TILES, LARGE_BYTES, ROW, ROW_BYTES, STEP } from './layout.ts'

type F32 = Local<'f32'>

const LANES = [0, 1, 2, 3] as const
/** total = the sum of the four lanes, or their largest */
function setAcross(total: F32, lanes: V128, op: typeof f32.add): void {
  local.set(total, f32x4.extract_lane(0, lanes))
  for (const lane of LANES.slice(1)) local.set(total, op(f32x4.extract_lane(lane, lanes), total))
}

/** splat of a number that is known only when the kernel runs */
const all = (x: F32): StackVar<'v128'> => f32x4.splat(x)

/**
 * What a row's numbers of sizes up to `limit` are: how many are larger, the largest of the others, and the sum of their
 * squares, as numbers times `perLargest`. NaN is never larger: it becomes the largest.
 */
function setSizes(
  row: { readonly x: I32; readonly end: I32; readonly k: I32; readonly perLargest: F32 },
  limit: F32,
  into: { readonly larger: I32; readonly largest: F32; readonly squares: F32 },
  [size, out, most, sum, scaled]: readonly V128[],
): void {
  const { x, end, k, perLargest } = row
  local.set(into.larger, i32.const(0))
  for (const total of [most, sum]) local.set(total, splat(0))
  local.set(k, x)
  forUpTo(k, end, 16, () => {
    local.set(size, f32x4.abs(v128.load({}, k)))
    local.set(out, all(limit))
    local.set(out, f32x4.gt(size, out))
    local.set(into.larger, i32.add(into.larger, i32.popcnt(i32x4.bitmask(out))))
    local.set(size, v128.andnot(size, out))
    local.set(most, f32x4.max(size, most))
    local.set(scaled, f32x4.mul(all(perLargest), size))
    local.set(sum, f32x4.add(f32x4.mul(scaled, scaled), sum))
  })
  setAcross(into.largest, most, f32.max)
  setAcross(into.squares, sum, f32.add)
}

/** Where rowLimits leaves its numbers: in a row's constants, before these are known. */
const LIMITS = { limit: 0, largest: 4, norm: 8 } as const

/**
 * limit = above which size numbers of a row stay float32, largest = the largest of the others, norm = |x|. Leaves whether
 * the row is to be left out: it has NaN, infinity or numbers outside of LEAST and MOST.
 * Taking numbers out makes the others' root mean square smaller, so this is repeated; at most MAX_LARGE go.
 * x: up to `end`, in whole steps, K numbers of which are the row's; `at`: where the numbers go.
 */
function rowLimits() {
  return func(
    {
      in: { ...i32s('x end K at'), slack: 'f32' },
      locals: { i32: 3, f32: 7, v128: 5 },
      out: 'i32',
    },
    (
      { x, end, K, at, slack },
      { i32: [k, larger, again], f32: [limit, top, last, squares, norm, perLargest, root], v128: vectors },
    ) => {
      const row = { x, end, k, perLargest }
      const measured = { larger, largest: top, squares }
      const keep = () => {
        f32.store({ offset: LIMITS.limit }, at, limit)
        f32.store({ offset: LIMITS.largest }, at, top)
      }
      // norm = |x|, of numbers that are at most 1: squares neither overflow nor vanish
      local.set(limit, f32.const(Infinity))
      setSizes(row, limit, measured, vectors)
      local.set(last, top)
      local.set(perLargest, f32.const(1))
      when(f32.gt(top, 0), () => local.set(perLargest, f32.div(f32.const(1), top)))
      setSizes(row, limit, measured, vectors)
      local.set(norm, f32.mul(f32.mul(f32.sqrt(squares), top), slack))
      f32.store({ offset: LIMITS.norm }, at, norm)
      keep()
      doWhile(() => {
        // limit = LARGE times the root mean square of what was not taken out so far
        local.set(root, f32.sqrt(f32.div(squares, f32.convert_i32_u(i32.sub(K, larger)))))
        local.set(limit, f32.div(f32.mul(root, LARGE), perLargest))
        local.set(last, top)
        setSizes(row, limit, measured, vectors)
        // does that take out some more, but not too many in all?
        local.set(again, i32.and(f32.gt(last, limit), i32.le_u(larger, MAX_LARGE)))
        when(again, keep)
        return local.get(again)
      })
      local.set(top, f32.load({ offset: LIMITS.largest }, at))
      i32.eqz(i32.and(isWithin(norm), isWithin(top)))
    },
  )
}

/** Leaves whether a number is 0, or between LEAST and MOST; NaN is not. */
function isWithin(value: F32): StackVar<'i32'> {
  i32.and(f32.ge(value, LEAST), f32.le(value, MOST))
  f32.eq(value, 0)
  return i32.or()
}

/** Four numbers of a row become int8 values: registers, and what is summed up of them. */
interface Quartet {
  readonly value: V128
  readonly rest: V128
  readonly q: V128
  readonly step: F32
  readonly perStep: F32
  readonly squares: Readonly<Record<'values' | 'residual', V128>>
}

/** into = value in whole steps; adds the squares of that, and of what it leaves over, to the sums, in steps */
function setQuantized({ value, rest, q, step, perStep, squares }: Quartet, into: V128): void {
  local.set(q, f32x4.nearest(f32x4.mul(all(perStep), value)))
  local.set(into, i32x4.trunc_sat_f32x4_s(q))
  local.set(squares.values, f32x4.add(f32x4.mul(q, q), squares.values))
  local.set(q, f32x4.mul(all(step), q))
  local.set(rest, f32x4.sub(value, q))
  local.set(rest, f32x4.mul(all(perStep), rest))
  local.set(squares.residual, f32x4.add(f32x4.mul(rest, rest), squares.residual))
}

/** Leaves 16 whole numbers as bytes, INT8_OFFSET added; overwrites the vectors. */
function asBytes([a, b, c, d]: readonly V128[]): StackVar<'v128'> {
  local.set(a, i16x8.narrow_i32x4_s(a, b))
  local.set(c, i16x8.narrow_i32x4_s(c, d))
  const word = INT8_OFFSET * 0x01010101
  return i8x16.add(i8x16.narrow_i16x8_s(a, c), v128.const('i32x4', [word, word, word, word]))
}

/** Of one row, x [padded]; the last three numbers are for the bound (bound.ts). */
const ROW_IN = {
  ...i32s('x inputs padded values valueStep constants large leftOut'),
  ...f32s('rounding slack factor'),
}

/**
 * Splits a row into large numbers and int8 values (bound.ts), and writes down what bounds the rest, rounded up. Rows that
 * cannot be bounded are marked as left out.
 * A remainder is off by some roundings of its number, and a norm by less than the factor `slack`.
 */
function quantizeRow() {
  const limits = rowLimits()
  return func({ in: ROW_IN, locals: { i32: 4, f32: 5, v128: 10 } }, (parameters, locals) => {
    const { x, inputs, padded, values, valueStep, constants: row, large, leftOut } = parameters
    const { rounding, slack, factor } = parameters
    const [at, end, lane, bits] = locals.i32
    const [limit, step, perStep, norm, residual] = locals.f32
    local.set(end, i32.add(x, i32.mul(padded, 4)))
    i32.store8({}, leftOut, call(limits, { x, end, K: inputs, at: row, slack }))
    local.set(limit, f32.load({ offset: LIMITS.limit }, row))
    local.set(norm, f32.load({ offset: LIMITS.norm }, row))
    // step = the largest number / ROW_MOST
    local.set(step, f32.div(f32.load({ offset: LIMITS.largest }, row), ROW_MOST))
    when(f32.eq(step, 0), () => local.set(step, f32.const(1)))
    local.set(perStep, f32.div(f32.const(1), step))

    const [value, rest, q, out, sum1, sum2, ...quantized] = locals.v128
    const squares = { values: sum1, residual: sum2 }
    for (const sum of [sum1, sum2]) local.set(sum, splat(0))
    i32.store({ offset: ROW.large }, row, large)
    // for each STEP of numbers, four at a time:
    local.set(at, x)
    forUpTo(at, end, STEP * 4, () => {
      for (let i = 0; i < 4; i++) {
        local.set(value, v128.load({ offset: i * 16 }, at))
        // large numbers <- those above the limit, which become 0
        local.set(out, all(limit))
        local.set(out, f32x4.lt(out, f32x4.abs(value)))
        local.set(bits, i32x4.bitmask(out))
        when(bits, () => {
          local.set(value, v128.andnot(value, out))
          doWhile(() => {
            local.set(lane, i32.add(at, i32.mul(i32.ctz(bits), 4)))
            f32.store({ offset: 4 }, large, f32.load({ offset: i * 16 }, lane))
            i32.store({}, large, i32.add(i32.sub(lane, x), i * 16))
            increment(large, LARGE_BYTES)
            local.set(bits, i32.and(i32.sub(bits, 1), bits))
            return i32.ne(bits, 0)
          })
        })
        setQuantized({ value, rest, q, step, perStep, squares }, quantized[i])
      }
      v128.store({}, values, asBytes(quantized))
      increment(values, valueStep)
    })
    local.set(large, i32.sub(large, i32.load({ offset: ROW.large }, row)))
    i32.store({ offset: ROW.largeCount }, row, i32.div_u(large, LARGE_BYTES))

    // |x''| and |r|, from squares in steps, rounded up
    for (const [length, sum] of [
      [limit, squares.values],
      [residual, squares.residual],
    ] as const) {
      setAcross(length, sum, f32.add)
      local.set(length, f32.mul(f32.mul(f32.sqrt(length), step), slack))
    }
    // the share of roundings, of |x| + |r|
    local.set(norm, f32.mul(f32.add(norm, residual), rounding))
    f32.store({ offset: ROW.step }, row, step)
    f32.store({ offset: ROW.floor }, row, 0)
    f32.store({ offset: ROW.ofNorm }, row, f32.mul(f32.add(residual, norm), factor))
    f32.store({ offset: ROW.ofError }, row, f32.mul(f32.add(limit, norm), factor))
  })
}

/** A range of rows of x [rows, padded]. */
export function quantizeRows() {
  const one = quantizeRow()
  return func(
    { in: KERNELS.quantizeRows, locals: { i32: 3 } },
    (parameters, { i32: [tile, left, valueStep] }) => {
      const { first: r, last, rows, inputs, padded, ...others } = parameters
      const { x, values, constants, large, leftOut } = others
      forUpTo(r, last, 1, () => {
        // where the row's int8 values lie in their tile: see INT8_TILES
        local.set(tile, i32.mul(i32.div_u(r, INT8_ROWS), INT8_ROWS))
        local.set(left, i32.sub(rows, tile))
        local.set(valueStep, i32.const(INT8_ROWS * STEP))
        for (const size of INT8_TILES.slice(0, -1).reverse())
          when(i32.le_u(left, size), () => local.set(valueStep, i32.const(size * STEP)))
        const at = (address: I32, bytes: number) => i32.add(address, i32.mul(r, bytes))
        call(one, {
          ...others,
          x: i32.add(x, i32.mul(i32.mul(r, padded), 4)),
          inputs,
          padded,
          values: i32.add(i32.add(values, i32.mul(tile, padded)), i32.mul(i32.sub(r, tile), STEP)),
          valueStep,
          constants: at(constants, ROW_BYTES),
          large: at(large, MAX_LARGE * LARGE_BYTES),
          leftOut: i32.add(leftOut, r),
        })
      })
    },
  )
}
