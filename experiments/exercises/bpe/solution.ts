export function bytePairEncode(text: string, merges: [string, string][]): string[] {
  const parts = [...text]
  for (;;) {
    // Infinity: this neighbour does not merge
    const ranks = parts.map((part, i) => {
      const rank = merges.findIndex(([a, b]) => a === part && b === parts[i + 1])
      return rank < 0 ? Infinity : rank
    })
    const best = Math.min(...ranks)
    if (best === Infinity) return parts
    const at = ranks.indexOf(best)
    parts.splice(at, 2, parts[at] + parts[at + 1])
  }
}
