// The bound test: which outputs could be positive, by what int8 numbers say and the bound on their error.
import { f32x4, i16x8, i32, i8x16, local, v128, type StackVar } from 'wasmati'
import { doWhile, forUpTo, increment, when, whileBelow, zeroBytes, type I32, type V128 } from '../emit.ts'
import { call, func } from '../function.ts'
import type { Emitter } from '../emitter.ts'
import { i32s, KERNELS } from '../kernels.ts'
import { FEATURE, FEATURE_BYTES, GROUP, GROUP_BYTES, LARGE_BYTES, ROW, ROW_BYTES, SCRATCH } from './layout.ts'

/** to [count][GROUP] = a group's weights of the numbers at `dimensions` (in bytes). `stride`: bytes from a feature to the next. */
function gatherWeights() {
  return func(
    { in: i32s('weights stride dimensions count to'), locals: { i32: 2 } },
    ({ weights, stride, dimensions, count, to }, { i32: [end, at] }) => {
      local.set(end, i32.add(dimensions, i32.mul(count, 4)))
      forUpTo(dimensions, end, 4, () => {
        local.set(at, i32.add(weights, i32.load({}, dimensions)))
        for (let j = 0; j < GROUP; j++) {
          i32.store({ offset: j * 4 }, to, i32.load({}, at))
          increment(at, stride)
        }
        increment(to, GROUP_BYTES)
      })
    },
  )
}

/** A group's constants, and what comes of them for a row: a vector per four features. */
interface Registers {
  readonly scale: readonly V128[]
  readonly bias: readonly V128[]
  readonly norm: readonly V128[]
  readonly error: readonly V128[]
  readonly limit: readonly V128[]
  readonly floor: readonly V128[]
  readonly passing: readonly V128[]
  readonly ofRow: V128
}

function registersOf(all: readonly V128[]): Registers {
  const [scale, bias, norm, error, floor, limit, passing] = [0, 1, 2, 3, 4, 5, 6].map((i) =>
    all.slice(i * 4, i * 4 + 4),
  )
  return { scale, bias, norm, error, floor, limit, passing, ofRow: all[28] }
}

function loadConstants(registers: Registers, features: I32): void {
  for (const name of ['scale', 'bias', 'norm', 'error', 'floor'] as const)
    registers[name].forEach((vector, j) =>
      local.set(vector, v128.load({ offset: FEATURE[name] + j * 16 }, features)),
    )
}

/**
 * limit = bias + large . w_j + scale_j step q . v_j + |r| |w_j| + |x''| |d_j|: the most that a row's outputs can be (bound.ts).
 * `large`: the group's weights of numbers that are large in some row; `i`, `end` and `at` are overwritten.
 */
function setLimits(
  { madd }: Emitter,
  { scale, bias, norm, error, limit, passing, ofRow }: Registers,
  { row, sums, large, i, end, at }: Readonly<Record<'row' | 'sums' | 'large' | 'i' | 'end' | 'at', I32>>,
): void {
  limit.forEach((vector, j) => local.set(vector, bias[j]))
  // for each large number: limit += x[k] * w[k]
  local.set(i, i32.load({ offset: ROW.large }, row))
  local.set(end, i32.add(i, i32.mul(i32.load({ offset: ROW.largeCount }, row), LARGE_BYTES)))
  whileBelow(i, end, () => {
    local.set(at, i32.add(large, i32.load({}, i)))
    local.set(ofRow, v128.load32_splat({ offset: 4 }, i))
    passing.forEach((w, j) => local.set(w, v128.load({ offset: j * 16 }, at)))
    limit.forEach((vector, j) => local.set(vector, madd(ofRow, passing[j], vector)))
    increment(i, LARGE_BYTES)
  })
  local.set(ofRow, v128.load32_splat({ offset: ROW.step }, row))
  passing.forEach((sum, j) => local.set(sum, v128.load({ offset: j * 16 }, sums)))
  passing.forEach((sum, j) => local.set(sum, f32x4.mul(f32x4.convert_i32x4_s(sum), scale[j])))
  limit.forEach((vector, j) => local.set(vector, madd(passing[j], ofRow, vector)))
  for (const [offset, factors] of [
    [ROW.ofNorm, norm],
    [ROW.ofError, error],
  ] as const) {
    local.set(ofRow, v128.load32_splat({ offset }, row))
    limit.forEach((vector, j) => local.set(vector, madd(ofRow, factors[j], vector)))
  }
}

/** Leaves which of GROUP numbers are above their feature's floor and the row's, as bits, or are NaN, or have NaN as floor. */
function aboveFloors(numbers: I32, row: I32, { floor, passing, ofRow }: Registers): StackVar<'i32'> {
  const [a, b, c, d] = passing
  local.set(ofRow, v128.load32_splat({ offset: ROW.floor }, row))
  passing.forEach((vector, j) => {
    local.set(vector, f32x4.pmax(floor[j], ofRow)) // NaN where the floor is
    local.set(vector, f32x4.le(v128.load({ offset: j * 16 }, numbers), vector))
  })
  local.set(a, i16x8.narrow_i32x4_s(a, b))
  local.set(c, i16x8.narrow_i32x4_s(c, d))
  return i32.xor(i8x16.bitmask(i8x16.narrow_i16x8_s(a, c)), 2 ** GROUP - 1)
}

/**
 * Lists a group's candidates: for each feature `counts` says how many, and `candidates` [GROUP][rows] which rows, rising.
 * `tallies` [rows] counts them; a row with more than `most` is left out from there on.
 */
function listCandidates() {
  return func(
    { in: i32s('bits rows leftOut tallies most counts candidates'), locals: { i32: 5 } },
    (
      { bits: from, rows, leftOut, tallies, most, counts, candidates },
      { i32: [r, bits, at, count, feature] },
    ) => {
      local.set(r, i32.const(0))
      forUpTo(r, rows, 1, () => {
        local.set(bits, i32.load16_u({}, from))
        when(bits, () => {
          i32.load8_u({}, i32.add(leftOut, r))
          when(i32.eqz(), () => {
            local.set(count, i32.add(i32.load({}, tallies), i32.popcnt(bits)))
            i32.store({}, tallies, count)
            when(i32.gt_u(count, most), () => i32.store8({}, i32.add(leftOut, r), 1))
            // for each bit: candidates[feature][counts[feature]++] = r
            doWhile(() => {
              local.set(feature, i32.ctz(bits))
              local.set(at, i32.add(counts, i32.mul(feature, 4)))
              local.set(count, i32.load({}, at))
              i32.store({}, at, i32.add(count, 1))
              local.set(at, i32.add(candidates, i32.mul(feature, rows)))
              i32.store8({}, i32.add(at, count), r)
              local.set(bits, i32.and(i32.sub(bits, 1), bits))
              return i32.ne(bits, 0)
            })
          })
        })
        increment(from, 2)
        increment(tallies, 4)
      })
    },
  )
}

/** Lists which outputs of a range of groups could be positive, in scratch, where their products are (listCandidates). */
export function boundTest(emitter: Emitter) {
  const [gather, list] = [gatherWeights(), listCandidates()]
  return func(
    { in: KERNELS.boundTest, locals: { i32: 12, v128: 29 } },
    (
      { rows, tall, constants, features, weights, padded, dimensions, dimensionCount, leftOut, ...others },
      {
        i32: [stride, row, lastRow, sums, group, large, counts, candidates, bits, i, end, at],
        v128: vectors,
      },
    ) => {
      const { tallies, most, first: g, last, scratch } = others
      const registers = registersOf(vectors)
      local.set(stride, i32.mul(padded, 4))
      increment(weights, i32.mul(i32.mul(g, stride), GROUP))
      increment(features, i32.mul(g, FEATURE_BYTES))
      local.set(lastRow, i32.add(constants, i32.mul(rows, ROW_BYTES)))
      local.set(group, i32.add(scratch, SCRATCH.sums))
      local.set(large, i32.add(scratch, SCRATCH.large))
      local.set(candidates, i32.add(scratch, SCRATCH.candidates))
      local.set(counts, i32.add(scratch, SCRATCH.counts))
      local.set(end, i32.mul(i32.sub(last, g), GROUP_BYTES))
      zeroBytes(counts, end)
      // for each group
      forUpTo(g, last, 1, () => {
        call(gather, { weights, stride, dimensions, count: dimensionCount, to: large })
        loadConstants(registers, features)
        local.set(sums, group)
        local.set(row, constants)
        local.set(bits, i32.add(scratch, SCRATCH.bits))
        // for each row: bits[row] = the features whose limit is above their floor; no branch depends on them yet
        forUpTo(row, lastRow, ROW_BYTES, () => {
          setLimits(emitter, registers, { row, sums, large, i, end, at })
          // stored, and loaded again: V8 pairs vectors of what is stored side by side
          registers.limit.forEach((limit, j) =>
            v128.store({ offset: SCRATCH.limits + j * 16 }, scratch, limit),
          )
          local.set(at, aboveFloors(scratch, row, registers))
          i32.store16({}, bits, at)
          increment(bits, 2)
          increment(sums, GROUP_BYTES)
        })
        call(list, { bits: i32.add(scratch, SCRATCH.bits), rows, leftOut, tallies, most, counts, candidates })
        increment(weights, i32.mul(stride, GROUP))
        increment(features, FEATURE_BYTES)
        increment(group, i32.mul(tall, GROUP_BYTES))
        increment(counts, GROUP_BYTES)
        increment(candidates, i32.mul(rows, GROUP))
      })
    },
  )
}
