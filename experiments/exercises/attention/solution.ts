export function attention(q: number[][], k: number[][], v: number[][], heads: number): number[][] {
  const dHead = q[0].length / heads
  const out = q.map((row) => row.map(() => 0))
  for (let head = 0; head < heads; head++) {
    const piece = (row: number[]) => row.slice(head * dHead, (head + 1) * dHead)
    for (let query = 0; query < q.length; query++) {
      const scores = k.slice(0, query + 1).map((key) => dot(piece(q[query]), piece(key)) / Math.sqrt(dHead))
      const largest = Math.max(...scores)
      const powers = scores.map((score) => Math.exp(score - largest))
      const sum = powers.reduce((sum, power) => sum + power, 0)
      for (let i = 0; i < dHead; i++)
        for (const [key, power] of powers.entries())
          out[query][head * dHead + i] += (power / sum) * piece(v[key])[i]
    }
  }
  return out
}

function dot(a: number[], b: number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i], 0)
}
