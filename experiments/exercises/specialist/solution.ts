export function pValue(fires: number[][], labels: number[], orders: number[][]): number {
  const real = bestScore(fires, labels)
  const reached = orders.filter((order) => {
    const dealt = order.map((text) => labels[text])
    return bestScore(fires, dealt) >= real
  })
  return (1 + reached.length) / (1 + orders.length)
}

function bestScore(fires: number[][], labels: number[]): number {
  const scores = fires[0].map((_, feature) => {
    let score = 0
    for (const [text, row] of fires.entries()) if (row[feature] > 0) score += labels[text] === 0 ? 1 : -1
    return score
  })
  return Math.max(...scores)
}
