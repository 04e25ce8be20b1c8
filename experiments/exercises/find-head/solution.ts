export function findHead(patterns: number[][][][], distance: number): [layer: number, head: number] {
  let best = -1
  let found: [layer: number, head: number] = [0, 0]
  for (const [layer, heads] of patterns.entries())
    for (const [head, pattern] of heads.entries()) {
      const rows = pattern.slice(distance + 1) // the first of them looks at token 1
      const mean = rows.reduce((sum, row, i) => sum + row[i + 1], 0) / rows.length
      if (mean > best) [best, found] = [mean, [layer, head]]
    }
  return found
}
