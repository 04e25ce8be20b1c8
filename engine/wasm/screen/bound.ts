/*
 * The bound of exact screening: the most that an output of x W + b can be, found in int8, with a proof. An output is kept if it
 * is above its floor: 0, or its own threshold if that is higher.
 *
 * A row x is split into a few large numbers, which stay float32, and a rest x', which becomes int8 values q; these leave
 * over the residual r:
 *     x' = step q + r,   q whole numbers in -63..63
 * and a feature w_j, a column of W, becomes int8 values v_j and their error d_j:
 *     w_j = scale_j v_j + d_j,   v_j whole numbers in -127..127
 * With x'' = step q, exactly:
 *     x . w_j = large . w_j + scale_j (x'' . v_j) + r . w_j + x'' . d_j
 * The first two terms are computed. The last two are not; by Cauchy and Schwarz they are at most
 *     |r . w_j| + |x'' . d_j|  <=  |r| |w_j| + |x''| |d_j|.
 * Norms of rows and of features are worked out once each, so the bound costs two multiply-adds an output.
 *
 * Float32 adds its roundings, in what is computed here and in the dense kernel whose result is to be matched. In each of the
 * two, all numbers are sums and products whose terms' sizes add up to no more than
 *     4 S + |b_j|,   S = (|x| + |r|) (|w_j| + |d_j|),
 * so n roundings in a row err by at most gamma times that, gamma = n u / (1 - n u), u = 2^-24 (Higham 2002,
 * section 3.1). Up to |b_j| = 2 S that is at most 6 gamma S, and 6 gamma times the row's part of S joins the row's factors
 * of |w_j| and |d_j|. Beyond it the sign of b_j decides, because x . w_j and what is computed for it are at most S: below zero,
 * the dense kernel's number is negative, and above its floor it is not; above zero, b_j brings gamma b_j along, which is added to it
 * once a feature. So if what is computed, plus all of this, is not above a floor of at least 0, then the dense kernel's number is
 * not either.
 * Underflow, which no relative error covers, is kept below gamma by the limits LEAST and MOST; what lies outside of
 * them is computed densely.
 *
 * TopK. Give a row a floor F > 0 of its own, whatever it is. All of its outputs above F are found, by the above. If they are k or
 * more, then the row's k largest are among them, with all that equal the last of these: what is left out is at most F. If they are
 * fewer, nothing is known, and the row is computed densely. So F may be a guess (sample.ts): a bad one costs time.
 */

import { LANE_BLOCK, LANES } from '../tile-sizes.ts'

/** The unit roundoff of float32. */
const UNIT = 2 ** -24
/** The most numbers of a row that stay float32. */
export const MAX_LARGE = 32
/** What is larger than this many times the root mean square of the rest stays float32. */
export const LARGE = 4
/** Int8 numbers of rows are stored with this added, in 1..127: relaxed dot products of more than 7 bits differ between machines. */
export const INT8_OFFSET = 64
/** The largest of a row's whole numbers, and of a feature's. */
export const ROW_MOST = 63
export const FEATURE_MOST = 127
/** What a feature's numbers of one sign may add up to in a 16-bit sum of products: 127 times this is less than 2^15. */
export const SUM16_MOST = 258
/** 32-bit sums of so many products of 7 bits by 8 bits cannot overflow. */
export const MAX_INPUTS = 100_000
/**
 * Rows' largest numbers and steps, and features' scales, are screened within these limits: products of three of their
 * constants then stay in float32's normal range, and what products lose below it is far less than gamma's share.
 */
export const [LEAST, MOST] = [2 ** -50, 2 ** 50]

/** The error of float32 in the screen or in the dense kernel, relative to the sizes of the terms. */
function roundingError(inputs: number): number {
  const lane = Math.ceil(inputs / LANES)
  // a lane's products, its blocks, the lanes' tree and the bias, some to spare
  const dense = Math.min(lane, LANE_BLOCK) + Math.ceil(lane / LANE_BLOCK) + Math.log2(LANES) + 3
  // large numbers, what int8 numbers say, the bound's own products, and what rows' remainders are off by (quantize-rows.ts)
  const screen = MAX_LARGE + 24
  const error = 2 * Math.sqrt(inputs) // |d_j|, made of numbers that are each off by two roundings of the feature's largest
  const n = (dense + screen + error) * UNIT
  return n / (1 - n)
}

/** What a bias above zero is to be multiplied with: twice its share of roundings, which covers this product's own. */
export function biasFactor(inputs: number): number {
  return 1 + 2 * roundingError(inputs)
}

/** What a row's |x| + |r| is to be multiplied with, to be added to its factors of |w_j| and of |d_j|. */
export function rowRounding(inputs: number): number {
  return 6 * roundingError(inputs)
}

/** What float32 sums of so many squares, their root and a few products may lack, as a factor. */
export function normSlack(inputs: number): number {
  return 1 + (inputs + 16) * 2 ** -23
}
