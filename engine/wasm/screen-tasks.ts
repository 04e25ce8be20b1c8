import { COLUMN_BYTES, GROUP } from './screen-plan.ts'
import type { Task } from './tasks.ts'

export interface ScreenTaskArgs {
  screenColumns: readonly [
    weights: number,
    inputs: number,
    panel: number,
    bias: number,
    digits: number,
    digitInputs: number,
    columns: number,
    biasShare: number,
    slack: number,
    groups: number,
    groupsPerChunk: number,
  ]
  screen: readonly [
    rows: number,
    digitInputs: number,
    firsts: number,
    seconds: number,
    rowConstants: number,
    digits: number,
    columns: number,
    weights: number,
    inputs: number,
    masks: number,
    maskStride: number,
    tallies: number, // [chunks][rows + 2]: groups hit by each row, columns left after one digit and after two
    groups: number,
    groupsPerChunk: number,
  ]
  recompute: readonly [
    rows: number,
    xs: number,
    inputs: number,
    weights: number,
    bias: number,
    masks: number,
    maskStride: number,
    places: number, // [chunks]: where a chunk's values go
    tallies: number, // [chunks][rows]: positive entries of each row
    groups: number,
    groupsPerChunk: number,
  ]
}

/** The columns of a group, four at a time. */
const screenColumns: Task = (kernels, args, chunk) => {
  const [weights, K, panel, bias, digits, digitK, columns, biasShare, slack, groups, groupsPerChunk] = args
  const last = Math.min(groups, (chunk + 1) * groupsPerChunk)
  for (let g = chunk * groupsPerChunk; g < last; g++)
    for (const half of [0, 16]) {
      const column = g * GROUP
      const lane = column % panel
      const from = weights + ((column - lane) * K + lane) * 4 + half
      const [to, constants] = [digits + column * digitK + half, columns + g * COLUMN_BYTES + half]
      kernels.screenColumns(from, panel * 4, K, bias + column * 4 + half, to, constants, biasShare, slack)
    }
}

const screen: Task = (kernels, args, chunk, scratch) => {
  const [rows, digitK, firsts, seconds, rowConstants, digits, columns, weights, K, masks, ...others] = args
  const [maskStride, tallies, groups, groupsPerChunk] = others
  const first = chunk * groupsPerChunk
  const last = Math.min(groups, first + groupsPerChunk)
  const hits = tallies + chunk * (rows + 2) * 4
  const places = [digits, columns, weights, K, masks, maskStride, hits, hits + rows * 4, scratch]
  kernels.screen(first, last, rows, digitK, firsts, seconds, rowConstants, ...places)
}

const recompute: Task = (kernels, args, chunk, scratch) => {
  const [rows, xs, K, weights, bias, masks, maskStride, places, tallies, ...cut] = args
  const [groups, groupsPerChunk] = cut
  const first = chunk * groupsPerChunk
  const last = Math.min(groups, first + groupsPerChunk)
  const active = tallies + chunk * rows * 4
  const values = places + chunk * 4
  kernels.recompute(first, last, rows, xs, K, weights, bias, masks, maskStride, values, active, scratch)
}

export const SCREEN_TASKS = { screenColumns, screen, recompute }
