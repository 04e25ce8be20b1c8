// Fetches the files beside the page, and checks each one's length and hash.
import type { CorpusFiles } from '../corpus-shape.ts'
import type { FileFacts } from '../file-facts.ts'
import { Fault } from './fault.ts'

/** All that the worker may ask for. Configurations are small enough to be included here, as JSON. */
export interface ModelFiles {
  /** The model's name. */
  readonly name: string
  readonly config: string
  readonly weights: FileFacts
  readonly saes: readonly SaeFiles[]
  /** SaeFacts' hints by layer, as JSON. */
  readonly hints: FileFacts
  /** The bundled texts, as experiments/lab/texts/texts.ts reads them. */
  readonly texts: FileFacts
  /** What a corpus says about the features, if there is one. */
  readonly corpus?: CorpusFiles
}

export interface SaeFiles {
  readonly config: string
  readonly weights: FileFacts
  /** Its features on all tokens of the bundled texts: sparse-file.ts. */
  readonly activations: FileFacts
}

/** Advice for a file that is not the one the page was built with. */
export function damaged(message: string, options?: ErrorOptions): Fault {
  const advice =
    'Reload this page; if that does not help, the files on its server are not those it was built with.'
  return new Fault('weights', message, advice, options)
}

/**
 * Fetches a whole file and checks its length and, where the page may compute hashes, its SHA-256.
 * @param base the address of the page's folder
 * @param onBytes is called with the number of bytes that have come since the last call
 * @throws Fault naming the file, what was expected and what was found
 */
export async function fetchFile(
  base: string,
  facts: FileFacts,
  onBytes: (count: number) => void = () => {},
): Promise<Uint8Array<ArrayBuffer>> {
  const { path, bytes } = facts
  const differs = (found: string) =>
    damaged(`${path} is not as it should be: expected ${bytes} bytes, found ${found}.`)
  const response = await fetch(new URL(path, base)).catch((error: Error) => {
    throw new Fault(
      'weights',
      `${path} cannot be fetched: ${error.message}.`,
      'Check the connection and that the server still runs, then reload this page.',
      { cause: error },
    )
  })
  if (!response.ok || response.body === null) {
    const found = `${response.status} ${response.statusText}`.trim()
    throw damaged(`${path}: the server answered ${found} instead of the file.`)
  }
  const content = new Uint8Array(bytes)
  const reader = response.body.getReader() // Safari's streams are not iterable
  let filled = 0
  for (;;) {
    const { value: part } = await reader.read().catch(() => {
      throw differs(`a connection that broke after ${filled}`)
    })
    if (part === undefined) break
    if (filled + part.length > bytes) {
      await reader.cancel()
      throw differs(`more than ${bytes} bytes`)
    }
    content.set(part, filled)
    filled += part.length
    onBytes(part.length)
  }
  if (filled < bytes) throw differs(`${filled} bytes`)
  const sha256 = await hashOf(content)
  if (sha256 !== undefined && sha256 !== facts.sha256)
    throw damaged(`${path} is damaged: expected SHA-256 ${facts.sha256}, found ${sha256}.`)
  return content
}

/** Whether this page may compute hashes: browsers allow it only on https and on loopback. */
export function canHash(): boolean {
  return globalThis.crypto?.subtle !== undefined
}

async function hashOf(content: Uint8Array<ArrayBuffer>): Promise<string | undefined> {
  if (!canHash()) return undefined
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', content))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
