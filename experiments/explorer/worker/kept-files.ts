// Files beside the page that are fetched when first asked for.
import { CHUNK, type CorpusCard, type CorpusFiles } from '../corpus-shape.ts'
import { unzipJson } from '../gzip.ts'
import type { FeatureRef } from '../../lab/models/changes.ts'
import type { FileFacts } from '../file-facts.ts'
import { fetchFile } from './files.ts'

export type Once = <T>(
  facts: FileFacts,
  read: (content: Uint8Array<ArrayBuffer>) => T | Promise<T>,
) => Promise<T>

/**
 * Fetches and reads each file once, and keeps the result; a file that could not be fetched is requested again.
 * @param most how many are kept; default: all
 */
export function keptFiles(base: string, most = Infinity): Once {
  const kept = new Map<FileFacts, Promise<unknown>>()
  return <T>(facts: FileFacts, read: (content: Uint8Array<ArrayBuffer>) => T | Promise<T>) => {
    const found = kept.get(facts) ?? fetchFile(base, facts).then(read)
    kept.delete(facts)
    kept.set(facts, found) // as the newest
    for (const old of [...kept.keys()].slice(0, Math.max(0, kept.size - most))) kept.delete(old)
    found.catch(() => kept.delete(facts))
    return found as Promise<T>
  }
}

/** What the corpus says about one of its features. @throws Fault if a file is missing or damaged */
export async function cardInCorpus(
  { layers }: CorpusFiles,
  { layer, feature }: FeatureRef,
  once: Once,
): Promise<CorpusCard> {
  const cards = await once(layers[layer].cards[Math.floor(feature / CHUNK)], unzipJson<CorpusCard[]>)
  return cards[feature % CHUNK]
}
