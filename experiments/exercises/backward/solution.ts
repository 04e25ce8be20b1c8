export function softmaxBackward(dY: number[], y: number[]): number[] {
  const dot = y.reduce((sum, share, i) => sum + share * dY[i], 0)
  return y.map((share, i) => share * (dY[i] - dot))
}
