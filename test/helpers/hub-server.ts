// A model hub on this machine, in the public format: a hub that redirects, and the host that large files lie on.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Served {
  readonly content: Uint8Array
  /** Whether the hub keeps it elsewhere and redirects there, as it does with what is in Git LFS. */
  readonly large: boolean
}

export interface Request {
  readonly host: 'hub' | 'store'
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
  readonly range: string | undefined
}

/** What goes wrong with one answer. `path` is the file's in its repository. */
export type Fault = (response: ServerResponse, file: Served, request: IncomingMessage) => unknown

export interface HubServer extends AsyncDisposable {
  readonly endpoint: string
  readonly store: string
  readonly requests: Request[]
  /** Bytes of files' contents that were sent. */
  sent(): number
  /** The next answers that carry a file's content go wrong so, one after another. */
  failNext(path: string, ...faults: Fault[]): void
  /** The next answers of the hub itself, to any request for the file, go wrong so. */
  failHub(path: string, ...faults: Fault[]): void
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
export const gitHash = (bytes: Uint8Array): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')

/**
 * @param files by `owner/name/path`
 * @param commit the one revision there is, and where `main` is
 */
export async function startHub(files: Readonly<Record<string, Served>>, commit: string): Promise<HubServer> {
  const requests: Request[] = []
  const faults = { hub: new Map<string, Fault[]>(), store: new Map<string, Fault[]>() }
  let sent = 0

  const note = (host: 'hub' | 'store', { method = '', url = '', headers }: IncomingMessage, path: string) =>
    requests.push({
      host,
      method,
      path: path || url,
      authorization: headers.authorization,
      range: headers.range,
    })

  const failing = (
    kind: 'hub' | 'store',
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
  ) => {
    const fault = faults[kind].get(path)?.shift()
    fault?.(response, files[path], request)
    return fault !== undefined
  }

  const send = (path: string, request: IncomingMessage, response: ServerResponse) => {
    const write = response.write.bind(response)
    response.write = ((chunk: Uint8Array, done?: () => void) => {
      sent += chunk.length
      return write(chunk, done)
    }) as typeof response.write
    if (failing('store', path, request, response)) return
    sendRange(response, files[path].content, request.headers.range)
  }

  const hub = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://hub')
    const [, direct, path, revision, name] =
      /^(\/api\/resolve-cache\/models)?\/([^/]+\/[^/]+)(?:\/resolve)?\/([0-9a-f]{40}|main)\/(.+)$/.exec(
        url.pathname,
      ) ?? []
    const key = `${path}/${name}`
    note('hub', request, key)
    if (!Object.hasOwn(files, key) || (revision !== 'main' && revision !== commit))
      return void response
        .writeHead(404, { 'X-Error-Code': Object.hasOwn(files, key) ? 'RevisionNotFound' : 'EntryNotFound' })
        .end()
    if (failing('hub', key, request, response)) return
    const file = files[key]
    response.setHeader('X-Repo-Commit', commit)
    if (file.large) {
      response.setHeader('X-Linked-Size', file.content.length)
      response.setHeader('X-Linked-ETag', `"${sha256(file.content)}"`)
      return void response.writeHead(302, { Location: `${origin(store)}/${key}?signature=secret` }).end()
    }
    if (direct === undefined) {
      // The hub's own detour for small files: a relative redirect without a hash.
      return void response
        .writeHead(307, { Location: `/api/resolve-cache/models/${path}/${commit}/${name}` })
        .end()
    }
    response.setHeader('ETag', `"${gitHash(file.content)}"`)
    if (request.method === 'HEAD')
      return void response.writeHead(200, { 'Content-Length': file.content.length }).end()
    send(key, request, response)
  })
  const store = createServer((request, response) => {
    const key = new URL(request.url ?? '', 'http://store').pathname.slice(1)
    note('store', request, key)
    send(key, request, response)
  })
  for (const server of [hub, store]) await once(server.listen(0, '127.0.0.1'), 'listening')

  const add = (map: Map<string, Fault[]>, path: string, more: Fault[]) =>
    void map.set(path, [...(map.get(path) ?? []), ...more])
  return {
    endpoint: origin(hub),
    store: origin(store),
    requests,
    sent: () => sent,
    failNext: (path, ...more) => add(faults.store, path, more),
    failHub: (path, ...more) => add(faults.hub, path, more),
    async [Symbol.asyncDispose]() {
      for (const server of [hub, store]) {
        server.close()
        server.closeAllConnections()
      }
    },
  }
}

function origin(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function sendRange(response: ServerResponse, content: Uint8Array, range: string | undefined): void {
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
  if (from >= content.length && range !== undefined)
    return void response.writeHead(416, { 'Content-Range': `bytes */${content.length}` }).end()
  const headers = { 'Content-Length': content.length - from, 'Accept-Ranges': 'bytes' }
  if (range === undefined) response.writeHead(200, headers)
  else
    response.writeHead(206, {
      ...headers,
      'Content-Range': `bytes ${from}-${content.length - 1}/${content.length}`,
    })
  if (content.length > from) response.write(content.subarray(from))
  response.end()
}

/** Announces the whole file, sends `bytes` of what was asked for, and breaks the connection when they have arrived. */
export const cutAfter =
  (bytes: number, arrived: (total: number) => Promise<void>): Fault =>
  async (response, { content }, { headers: { range } }) => {
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
    response.writeHead(range === undefined ? 200 : 206, {
      'Content-Length': content.length - from,
      ...(range === undefined
        ? {}
        : { 'Content-Range': `bytes ${from}-${content.length - 1}/${content.length}` }),
    })
    response.write(content.subarray(from, from + bytes))
    await arrived(from + bytes)
    response.destroy()
  }

/** The same of a server that ignores ranges: it sends the first `bytes` of the file whatever was asked for. */
export const cutFromStart =
  (bytes: number, arrived: (total: number) => Promise<void>): Fault =>
  async (response, { content }) => {
    response.writeHead(200, { 'Content-Length': content.length })
    response.write(content.subarray(0, bytes))
    await arrived(bytes)
    response.destroy()
  }

/** The file, a byte at a time. */
export const trickle: Fault = (response, { content }) => {
  response.writeHead(200, { 'Content-Length': content.length })
  let at = 0
  const timer = setInterval(() => response.write(content.subarray(at, ++at)), 2)
  response.on('close', () => clearInterval(timer))
}

/** What was asked for, and then zeros without end. */
export const endless: Fault = (response, { content }, { headers: { range } }) => {
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
  response.writeHead(range === undefined ? 200 : 206, {
    'Content-Range': `bytes ${from}-${content.length - 1}/${content.length}`,
    'Transfer-Encoding': 'chunked',
  })
  response.write(content.subarray(from))
  const more = () => {
    while (!response.destroyed && response.write(Buffer.alloc(2 ** 16)));
  }
  response.on('drain', more)
  more()
}

/** Ends early, but properly: a body of no announced length. */
export const endAfter =
  (bytes: number): Fault =>
  (response, { content }) => {
    response.writeHead(200, { 'Transfer-Encoding': 'chunked' })
    response.write(content.subarray(0, bytes))
    response.end()
  }

/** Sends `bytes` and then nothing more, the connection left open. */
export const stallAfter =
  (bytes: number): Fault =>
  (response, { content }) => {
    response.writeHead(200, { 'Content-Length': content.length })
    response.write(content.subarray(0, bytes))
  }

/** Sends `bytes`, and the rest when it is released. */
export const holdAfter =
  (bytes: number, released: Promise<void>): Fault =>
  async (response, { content }) => {
    response.writeHead(200, { 'Content-Length': content.length })
    response.write(content.subarray(0, bytes))
    await released
    response.write(content.subarray(bytes))
    response.end()
  }

/** Never answers. */
export const silence: Fault = () => {}

export const status =
  (code: number, headers: Record<string, string> = {}): Fault =>
  (response) =>
    void response.writeHead(code, headers).end()

/** Other bytes than the file's. */
export const instead =
  (content: Uint8Array, headers: Record<string, string> = {}): Fault =>
  (response) => {
    response.writeHead(200, { 'Content-Length': content.length, ...headers })
    response.write(content)
    response.end()
  }
