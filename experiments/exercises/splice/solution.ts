export function splice(stream: number[][], features: number[][], W_dec: number[][], off: number): number[][] {
  return stream.map((row, t) => {
    if (t === 0) return row
    const rebuilt = row.map(() => 0)
    for (const [feature, activation] of features[t].entries())
      if (feature !== off)
        for (let i = 0; i < rebuilt.length; i++) rebuilt[i] += activation * W_dec[feature][i]
    return rebuilt
  })
}
