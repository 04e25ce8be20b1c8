/**
 * y = softmax(x) for a row x, and dY is how a loss changes as each number of y is nudged. Returns how the loss changes as each number of x is
 * nudged. All three have the same length; y is given, x is not needed.
 */
export function softmaxBackward(dY: number[], y: number[]): number[] {
  return dY.map((value, i) => value * y[i])
}
