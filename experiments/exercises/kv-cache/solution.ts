interface Cache {
  keys: number[][]
  values: number[][]
}

export function attendNext(cache: Cache, q: number[], k: number[], v: number[], heads: number): number[] {
  cache.keys.push(k)
  cache.values.push(v)
  const dHead = q.length / heads
  const out = q.map(() => 0)
  for (let head = 0; head < heads; head++) {
    const columns = Array.from({ length: dHead }, (_, i) => head * dHead + i)
    const scores = cache.keys.map(
      (key) => columns.reduce((sum, i) => sum + q[i] * key[i], 0) / Math.sqrt(dHead),
    )
    const largest = Math.max(...scores)
    const powers = scores.map((score) => Math.exp(score - largest))
    const sum = powers.reduce((sum, power) => sum + power, 0)
    for (const [t, value] of cache.values.entries())
      for (const i of columns) out[i] += (powers[t] / sum) * value[i]
  }
  return out
}
