import { COLUMN_BYTES, GROUP, LARGE_BYTES, packedDigits, ROW_BYTES, TALLY_BYTES } from './layout.ts'
import { MAX_LARGE } from './bound.ts'
import type { Task } from '../threads/task.ts'

export interface ScreenTaskArgs {
  screenColumns: readonly [
    weights: number,
    inputs: number,
    panel: number,
    bias: number,
    digits: number,
    digitInputs: number,
    columns: number,
    slack: number,
    groups: number,
    groupsPerChunk: number,
  ]
  screenRows: readonly [
    x: number,
    rows: number,
    inputs: number,
    digitInputs: number,
    panel: number,
    firsts: number,
    seconds: number,
    rowConstants: number,
    large: number,
    leftOut: number,
    copies: number, // [chunks][digitInputs]
    rounding: number,
    slack: number,
    factor: number,
    rowsPerChunk: number,
  ]
  screen: readonly [
    rows: number,
    digitInputs: number,
    firsts: number,
    seconds: number,
    rowConstants: number,
    digits: number,
    columns: number,
    x: number,
    inputs: number,
    weights: number,
    bias: number,
    most: number,
    leftOut: number,
    tallies: number, // [chunks][rows] of TALLY_BYTES
    places: number, // [chunks]: where a chunk's entries go
    groups: number,
    groupsPerChunk: number,
  ]
  spread: readonly [
    chunks: number,
    starts: number, // [chunks]: where a chunk's entries begin
    ends: number, // [chunks]: and end
    next: number, // [rows]: the place of a row's first entry
    indices: number,
    values: number,
  ]
}

/** The columns of a group, four at a time. */
const screenColumns: Task = (kernels, args, chunk) => {
  const [weights, K, panel, bias, digits, digitK, columns, slack, groups, groupsPerChunk] = args
  const last = Math.min(groups, (chunk + 1) * groupsPerChunk)
  for (let g = chunk * groupsPerChunk; g < last; g++)
    for (const half of [0, 16]) {
      const column = g * GROUP
      const lane = column % panel
      const from = weights + ((column - lane) * K + lane) * 4 + half
      const [to, constants] = [digits + column * digitK + half, columns + g * COLUMN_BYTES + half]
      kernels.screenColumns(from, panel * 4, K, bias + column * 4 + half, to, digitK, constants, slack)
    }
}

const screenRows: Task = (kernels, args, chunk) => {
  const [x, rows, K, digitK, panel, firsts, seconds, rowConstants, large, leftOut, copies, ...others] = args
  const [rounding, slack, factor, rowsPerChunk] = others
  const last = Math.min(rows, (chunk + 1) * rowsPerChunk)
  for (let r = chunk * rowsPerChunk; r < last; r++) {
    const { start, step } = packedDigits(r, rows, digitK)
    kernels.screenRow(
      ...[x + r * K * 4, K, digitK, firsts + start, step, seconds + r * digitK, rowConstants + r * ROW_BYTES],
      ...[large + r * MAX_LARGE * LARGE_BYTES, panel, leftOut + r, copies + chunk * digitK * 4],
      ...[rounding, slack, factor],
    )
  }
}

const screen: Task = (kernels, args, chunk, scratch) => {
  const [rows, digitK, firsts, seconds, rowConstants, digits, columns, x, K, weights, bias, ...others] = args
  const [most, leftOut, tallies, places, groups, groupsPerChunk] = others
  const first = chunk * groupsPerChunk
  kernels.screen(
    ...[first, Math.min(groups, first + groupsPerChunk), rows, digitK, firsts, seconds, rowConstants],
    ...[digits, columns, x, K, weights, bias, most, leftOut, tallies + chunk * rows * TALLY_BYTES],
    ...[places + chunk * 4, scratch],
  )
}

/** One chunk of work: the entries of all of the screen's chunks, one after the other. */
const spread: Task = (kernels, args) => {
  const [chunks, starts, ends, next, indices, values] = args
  for (let chunk = 0; chunk < chunks; chunk++)
    kernels.spread(starts + chunk * 4, ends + chunk * 4, next, indices, values)
}

export const SCREEN_TASKS = { screenColumns, screenRows, screen, spread }
