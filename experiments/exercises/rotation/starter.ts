/**
 * A part of the model reads the stream by W_in and writes into it by W_out: x + ReLU(x W_in) W_out. Its stream is rotated: every row x becomes
 * x R. The rows of R are at right angles and of length 1, so its inverse is its transpose. Returns W_in and W_out as they must be
 * now, so that every neuron gets the number that it got before, and all that is written is rotated, too.
 */
export function rotated(W_in: number[][], W_out: number[][], R: number[][]): [number[][], number[][]] {
  return [W_in.map((row) => row.map((value) => value * R.length)), W_out]
}
