// The server of the built page, on this machine alone.
import { readFile, realpath } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { basename, extname, join, sep } from 'node:path'
import { UserError } from '../lab/cli/user-error.ts'
import { gpujsHeader, pageHeader, scriptHeader } from './policy.ts'

const LOOPBACK = '127.0.0.1'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
}

export interface ServeOptions {
  /** The folder that is served, and nothing outside it. It need not be there yet. */
  readonly root: string
  /** 0: any that is free. */
  readonly port: number
  /** Whether pages are cross-origin isolated and so have shared memory, and with it threads. Left out: yes. */
  readonly isolated?: boolean
}

export interface Site {
  /** With the slash at its end. */
  readonly url: string
  close(): Promise<void>
}

/**
 * Serves the files of a folder on loopback, with the headers that the Explorer's page needs.
 * @throws UserError if the port is taken
 */
export async function serveFolder({ root, port, isolated = true }: ServeOptions): Promise<Site> {
  const server = createServer((request, response) => {
    answer(root, request, response, isolated).catch(() => response.destroy()) // the reader went away
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(explained(error, port)))
    server.listen(port, LOOPBACK, resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { url: `http://${LOOPBACK}:${address.port}/`, close }
}

function explained(error: NodeJS.ErrnoException, port: number): Error {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'something else listens there',
    EACCES: 'the system does not let you listen there',
  }
  const reason = reasons[error.code ?? '']
  return reason ? new UserError(`port ${port}: ${reason}; choose another with --port, or 0 for any`) : error
}

async function answer(
  root: string,
  request: IncomingMessage,
  response: ServerResponse,
  isolated: boolean,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return refuse(response, 405, 'only GET and HEAD are answered here', { Allow: 'GET, HEAD' })
  const path = await find(root, request.url ?? '/')
  const content = path && (await readFile(path).catch(() => undefined)) // a folder is none
  if (!path || !content) return refuse(response, 404, 'there is no such file here')
  response.writeHead(200, { ...headersOf(path, isolated), 'Content-Length': content.length })
  response.end(content) // without it where only the head was asked for
}

function refuse(response: ServerResponse, status: number, text: string, headers = {}): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', ...headers })
  response.end(`${status}: ${text}\n`)
}

/** The path that a URL names, if it lies below `root`, links followed. */
async function find(root: string, url: string): Promise<string | undefined> {
  let name: string
  try {
    name = decodeURIComponent(new URL(url, 'http://localhost').pathname)
  } catch {
    return undefined
  }
  const wanted = join(root, name.endsWith('/') ? `${name}index.html` : name)
  const [top, path] = await Promise.all([root, wanted].map((path) => realpath(path).catch(() => undefined)))
  return top && path?.startsWith(top + sep) ? path : undefined
}

function headersOf(path: string, isolated: boolean): Record<string, string> {
  const extension = extname(path)
  const isolation: Record<string, string> = isolated
    ? { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }
    : {}
  return {
    'Content-Type': TYPES[extension] ?? 'application/octet-stream',
    'Content-Security-Policy': policyOf(extension, basename(path)),
    'X-Content-Type-Options': 'nosniff',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-cache',
    ...isolation,
  }
}

function policyOf(extension: string, name: string): string {
  if (extension === '.html') return pageHeader
  return name.startsWith('gpujs.worker') ? gpujsHeader : scriptHeader
}
