export function softmax(scores: number[]): number[] {
  const largest = Math.max(...scores)
  const powers = scores.map((score) => Math.exp(score - largest))
  const sum = powers.reduce((sum, power) => sum + power, 0)
  return powers.map((power) => power / sum)
}
