// Which test files run a place in a source file, from what V8 counted while each of them ran.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Range {
  readonly startOffset: number
  readonly endOffset: number
  readonly count: number
}

interface Report {
  readonly result: readonly {
    readonly url: string
    readonly functions: readonly { readonly ranges: readonly Range[] }[]
  }[]
}

/** For each process of a test, the ranges of each file: type stripping keeps every offset. */
export type Coverage = readonly ReadonlyMap<string, readonly Range[]>[]

/** Runs `work` with a folder to which V8 writes what it counts, and reads what concerns `urls`. */
export async function coverageOf(
  urls: ReadonlySet<string>,
  work: (folder: string) => Promise<void>,
): Promise<Coverage> {
  const folder = mkdtempSync(join(tmpdir(), 'clearbox-coverage-'))
  try {
    await work(folder)
    return readdirSync(folder).map((name) => {
      const { result } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Report
      const ours = result.filter(({ url }) => urls.has(url))
      return new Map(ours.map(({ url, functions }) => [url, functions.flatMap(({ ranges }) => ranges)]))
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Whether the code at `offset` ran: what the narrowest range around it counted, in any of the processes. */
export function covers(coverage: Coverage, url: string, offset: number): boolean {
  return coverage.some((files) => {
    const around = (files.get(url) ?? []).filter(
      ({ startOffset, endOffset }) => startOffset <= offset && offset < endOffset,
    )
    const width = ({ startOffset, endOffset }: Range) => endOffset - startOffset
    const narrowest = around.reduce<Range | undefined>(
      (least, range) => (least && width(least) <= width(range) ? least : range),
      undefined,
    )
    return narrowest !== undefined && narrowest.count > 0
  })
}
