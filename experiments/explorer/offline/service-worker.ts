// Keeps one whole version of the page for reading without a connection. The build writes VERSION and FILES in front of this script, so
// each version is a different script: browsers compare them byte by byte.

/** Names the build. */
declare const VERSION: string
/** All files of the version, by path from the page's folder, with their SHA-256 in hexadecimal. */
declare const FILES: Readonly<Record<string, string>>

interface Lasting extends Event {
  waitUntil(done: Promise<unknown>): void
}

interface Fetching extends Lasting {
  readonly request: Request
  respondWith(answer: Promise<Response>): void
}

const worker = self as unknown as {
  readonly registration: { readonly scope: string }
  skipWaiting(): Promise<void>
  addEventListener(type: 'install' | 'activate', act: (event: Lasting) => void): void
  addEventListener(type: 'fetch', act: (event: Fetching) => void): void
}

const { scope } = worker.registration
/** Name of this page's caches, and of the lock that each tab of a version holds: page/offline.ts. */
const PREFIX = `clearbox-explorer ${scope} `
const NAME = PREFIX + VERSION

worker.addEventListener('install', (event) => {
  // under the lock, so that no older version's sweep removes it half-way
  const done = navigator.locks.request(NAME, { mode: 'shared' }, keepAll)
  event.waitUntil(done.then(() => worker.skipWaiting()))
})
worker.addEventListener('activate', (event) => event.waitUntil(sweep()))
worker.addEventListener('fetch', (event) => {
  const { request } = event
  const { pathname, origin } = new URL(request.url)
  if (request.method !== 'GET' || !(origin + pathname).startsWith(scope)) return
  if (request.mode === 'navigate') {
    const path = (origin + pathname).slice(scope.length) || 'index.html'
    if (Object.hasOwn(FILES, path)) event.respondWith(newest(request, path))
  } else event.respondWith(kept(request))
})

/** All files or none: a version is not kept if one of its files cannot be fetched or belongs to another version. */
async function keepAll(): Promise<void> {
  try {
    const cache = await caches.open(NAME)
    await Promise.all(Object.entries(FILES).map(([path, sha256]) => keep(cache, path, sha256)))
  } catch (error) {
    await caches.delete(NAME)
    throw error
  }
}

/** Files that an earlier version has need not be fetched again. */
async function keep(cache: Cache, path: string, sha256: string): Promise<void> {
  const url = new URL(path, scope).href
  for (const find of [() => caches.match(url), () => fetch(url, { cache: 'no-cache' })]) {
    const response = await find()
    if (response?.ok && (await hashOf(response.clone())) === sha256) return cache.put(url, response)
  }
  throw new Error(`${url} is not of version ${VERSION}`)
}

async function hashOf(response: Response): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await response.arrayBuffer()))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Pages come from the server as long as there is one: after a new build a reload shows the new page, which names its own files. */
async function newest(request: Request, path: string): Promise<Response> {
  void sweep()
  const mine = async () => (await caches.open(NAME)).match(new URL(path, scope).href)
  try {
    const response = await fetch(request)
    return response.ok ? response : ((await mine()) ?? response)
  } catch (error) {
    const found = await mine()
    if (found) return found
    throw error
  }
}

/** A file's name holds a hash of its content: it is the same whichever version has kept it. */
async function kept(request: Request): Promise<Response> {
  return (await caches.match(request.url)) ?? fetch(request)
}

/** Deletes older versions, except those with an open tab, which may still want their files. */
async function sweep(): Promise<void> {
  const { held = [] } = await navigator.locks.query()
  const used = new Set([NAME, ...held.map(({ name }) => name)])
  for (const name of await caches.keys())
    if (name.startsWith(PREFIX) && !used.has(name)) await caches.delete(name)
}
