import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** gpu.js comes to browsers as a script that sets a global; modules want exports, and bundlers give this one. */
const gpuJsModule = `import '/node_modules/gpu.js/dist/gpu-browser.js'
export default globalThis.GPU
`

/** wasmati's one dependency is CommonJS. */
async function ieee754Module(): Promise<string> {
  const source = await readFile(join(root, 'node_modules/ieee754/index.js'), 'utf8')
  return `const exports = {}\n${source}\nexport const { read, write } = exports\n`
}

/** Where packages lie. An import map would do the same for pages, but workers have none. */
const packages: Readonly<Record<string, string>> = {
  wasmati: '/node_modules/wasmati/build/index.js',
  ieee754: '/ieee754.js',
  'gpu.js': '/gpu.js',
  tinybench: '/node_modules/tinybench/dist/index.js',
  '#wasm-platform': '/engine/wasm/platform/platform-browser.ts',
  '#webgpu': '/engine/gpujs/webgpu-browser.ts',
  'fast-check': '/node_modules/fast-check/lib/fast-check.js',
}

/** A module with paths in place of the packages' names. */
function withPaths(source: string): string {
  return source.replace(
    /(\b(?:from|import)\s*\(?\s*)(['"])([^'"./][^'"]*)\2/g,
    (whole, before: string, quote: string, name: string) => {
      const path = packages[name] ?? name.replace(/^pure-rand\//, '/node_modules/pure-rand/lib/esm/')
      return path === name ? whole : before + quote + path + quote
    },
  )
}

const types: Record<string, string> = {
  '.ts': 'text/javascript',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
  '.html': 'text/html; charset=utf-8',
}

export interface Site {
  readonly url: string
  close(): Promise<void>
}

export interface SiteOptions {
  /** Cross-origin isolated: only such pages have shared memory. Left out: they are. */
  readonly isolated?: boolean
  /** The Content-Security-Policy of a path; left out, none. */
  readonly policy?: (pathname: string) => string
}

/**
 * Serves the repository to a browser as it is: TypeScript with its types stripped, packages by their paths.
 * `/` is an empty page.
 */
export async function serveRepository({ isolated = true, policy }: SiteOptions = {}): Promise<Site> {
  const isolation: Record<string, string> = isolated
    ? { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }
    : {}
  const server: Server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    void answer(pathname).then(
      ({ type, body }) => {
        const security = policy ? { 'Content-Security-Policy': policy(pathname) } : {}
        response.writeHead(200, { 'Content-Type': type, ...isolation, ...security })
        response.end(body)
      },
      (error: Error) => {
        response.writeHead(404)
        response.end(error.message)
      },
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the test server has no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

async function answer(pathname: string): Promise<{ type: string; body: string | Buffer }> {
  if (pathname === '/')
    return {
      type: types['.html'],
      body: '<!doctype html><title>test</title><link rel="icon" href="data:,">',
    }
  if (pathname === '/ieee754.js') return { type: types['.js'], body: await ieee754Module() }
  if (pathname === '/gpu.js') return { type: types['.js'], body: gpuJsModule }
  const path = extname(pathname) === '' ? `${pathname}.js` : pathname // pure-rand's modules are named without
  const type = types[extname(path)] ?? 'application/octet-stream'
  const file = await readFile(join(root, path)) // a URL's path cannot climb out of the root
  if (type !== types['.js']) return { type, body: file }
  const source = extname(path) === '.ts' ? stripTypeScriptTypes(file.toString()) : file.toString()
  return { type, body: withPaths(source) }
}
