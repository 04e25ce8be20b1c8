// The server of the built page, on this machine only.
import { readFile, realpath } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { basename, extname, join, sep } from 'node:path'
import { UserError } from '../lab/cli/user-error.ts'
import { cardHeader, gpujsHeader, pageHeader, reportHeader, scriptHeader } from './policy.ts'

const LOOPBACK = '127.0.0.1'
const REPORTS = '/reports/'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.txt': 'text/plain; charset=utf-8',
}

interface ServeOptions {
  /** The folder that is served, and nothing outside it. It need not exist yet. */
  readonly root: string
  /** A folder of reports, which is served under `reports/`. */
  readonly reports?: string
  /** 0: any that is free. */
  readonly port: number
  /** Whether pages are cross-origin isolated and so have shared memory and threads. Default: yes. */
  readonly isolated?: boolean
}

export interface Site {
  /** Ends with a slash. */
  readonly url: string
  close(): Promise<void>
}

/**
 * Serves the files of a folder on loopback, with the headers that the Explorer's page needs.
 * @throws UserError if the port is taken
 */
export async function serveFolder(options: ServeOptions): Promise<Site> {
  const { port } = options
  const server = createServer((request, response) => {
    answer(options, request, response).catch(() => response.destroy()) // the reader went away
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
    EADDRINUSE: 'something else is listening there',
    EACCES: 'the system does not let you listen there',
  }
  const reason = reasons[error.code ?? '']
  return reason ? new UserError(`port ${port}: ${reason}; choose another with --port, or 0 for any`) : error
}

async function answer(
  options: ServeOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return refuse(response, 405, 'only GET and HEAD are answered here', { Allow: 'GET, HEAD' })
  const found = await find(options, request.url ?? '/')
  const content = found && (await readFile(found.path).catch(() => undefined)) // a folder is none
  if (!found || !content) return refuse(response, 404, 'there is no such file here')
  const { path, isReport, isCard } = found
  const policy = isReport ? reportHeader : isCard ? cardHeader : policyOf(extname(path), basename(path))
  response.writeHead(200, {
    ...headersOf(path, options.isolated ?? true),
    // a cross-origin isolated page frames only what says that it may
    ...(isCard && { 'Cross-Origin-Resource-Policy': 'cross-origin' }),
    'Content-Security-Policy': policy,
    'Content-Length': content.length,
  })
  response.end(content) // without it if only the head was requested
}

function refuse(response: ServerResponse, status: number, text: string, headers = {}): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', ...headers })
  response.end(`${status}: ${text}\n`)
}

/** The path that a URL names, and whether that is a report, or the page as a single card; nothing unless it is below its folder, links followed. */
async function find({ root, reports }: ServeOptions, url: string) {
  let name: string
  let query: URLSearchParams
  try {
    const { pathname, searchParams } = new URL(url, 'http://localhost')
    name = decodeURIComponent(pathname)
    query = searchParams
  } catch {
    return undefined
  }
  const isReport = reports !== undefined && name.startsWith(REPORTS)
  const [folder, rest] = isReport ? [reports, name.slice(REPORTS.length)] : [root, name]
  const wanted = join(folder, rest, name.endsWith('/') ? 'index.html' : '')
  // There is no real path for a name with a NUL in it either.
  const [top, path] = await Promise.all([folder, wanted].map((path) => realpath(path).catch(() => '')))
  if (top === '' || !path.startsWith(top + sep)) return undefined
  return { path, isReport, isCard: !isReport && extname(path) === '.html' && query.has('card') }
}

function headersOf(path: string, isolated: boolean): Record<string, string> {
  const isolation: Record<string, string> = isolated
    ? { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }
    : {}
  return {
    'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream',
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
