// Joins a session to the messages of its worker.
import { files } from '../constants.ts'
import type { Answer, Request } from '../protocol.ts'
import { Session } from './session.ts'

/** Answers the page's requests for as long as the worker lives. */
export function serve(): void {
  const session = new Session({
    base: new URL('..', self.location.href).href, // scripts lie in a folder of the page's
    files,
    isolated: globalThis.crossOriginIsolated,
    send: (answer) => self.postMessage(answer, { transfer: buffersOf(answer) }),
  })
  self.addEventListener('message', ({ data }: MessageEvent<Request>) => void session.handle(data))
}

/** The memory of the layers' numbers, which moves to the page instead of being copied: the model needs it no more. */
function buffersOf(answer: Answer): ArrayBufferLike[] {
  const run = answer.type === 'run' ? answer.run : answer.type === 'pair' ? answer.pair.run : undefined
  if (run === undefined) return []
  const lists = run.layers.flatMap(({ attention, features, neurons, lens }) => [
    ...[attention, features.offsets, features.indices, features.values],
    ...[neurons.indices, neurons.values, lens.indices, lens.values],
  ])
  return lists.map(({ buffer }) => buffer)
}
