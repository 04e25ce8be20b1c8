// A walk as text, for the terminal and for the pages between their markers.
import type { Stop } from './walk.ts'

export function showWalk(stops: readonly Stop[]): string {
  return stops
    .map(({ title, file, code, lines, says }, i) =>
      [
        `${i + 1}. ${title}`,
        `   ${file}: ${code}`,
        ...lines.map((line) => `     ${line}`),
        `   ${says}`,
      ].join('\n'),
    )
    .join('\n\n')
}
