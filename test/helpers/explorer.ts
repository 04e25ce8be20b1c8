import { collectFiles, type Carried } from '../../experiments/explorer/build/files.ts'
import type { Answer, Request } from '../../experiments/explorer/protocol.ts'
import { Session } from '../../experiments/explorer/worker/session.ts'

/** The address that the built page's folder would have. */
export const BASE = 'http://explorer.test/somewhere/'

/** What lies beside the page, computed once. */
export const carried: Carried = await collectFiles()

/** The files by path, to be taken away or damaged; answers are made of them. */
export type Folder = Map<string, Uint8Array>

/** While `work` runs, `fetch` reads from a folder as a web server would serve it. */
export async function withFolder<T>(folder: Folder, work: () => Promise<T>): Promise<T> {
  const { fetch } = globalThis
  globalThis.fetch = async (input) => {
    const url = input instanceof URL ? input.href : ''
    const content = url.startsWith(BASE) ? folder.get(url.slice(BASE.length)) : undefined
    return content ? new Response(new Uint8Array(content)) : new Response(null, { status: 404 })
  }
  try {
    return await work()
  } finally {
    globalThis.fetch = fetch
  }
}

/** A session that keeps its answers; its folder is a copy. */
export function startSession({ isolated = true, onAnswer = (_answer: Answer): void => {} } = {}) {
  const folder: Folder = new Map(carried.contents)
  const answers: Answer[] = []
  const session = new Session({
    base: BASE,
    files: carried.files,
    isolated,
    send(answer) {
      answers.push(answer)
      onAnswer(answer)
    },
  })
  const ask = (request: Request) => withFolder(folder, () => session.handle(request))
  /** The answers of one type. */
  const of = <Type extends Answer['type']>(type: Type) =>
    answers.filter((answer): answer is Answer & { type: Type } => answer.type === type)
  return { session, folder, answers, ask, of }
}
