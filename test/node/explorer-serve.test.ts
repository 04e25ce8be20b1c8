import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { serveFolder } from '../../experiments/explorer/serve-node.ts'

const folder = await mkdtemp(join(tmpdir(), 'clearbox-serve-'))
const root = join(folder, 'site')
await mkdir(join(root, 'assets'), { recursive: true })
await mkdir(join(folder, 'results', 'tiny'), { recursive: true })
const FILES = {
  'site/index.html': '<!doctype html><title>page</title>',
  'site/assets/index.js': 'export {}',
  'site/assets/model.worker-1a2b.js': 'export {}',
  'site/assets/gpujs.worker-1a2b.js': 'export {}',
  'site/assets/page.css': 'p {}',
  'site/weights.safetensors': 'weights',
  'results/index.html': '<!doctype html><title>results</title>',
  'results/tiny/report.html': '<!doctype html><title>report</title>',
  'secret.txt': 'secret',
}
for (const [name, content] of Object.entries(FILES)) await writeFile(join(folder, name), content)
await symlink(join(folder, 'secret.txt'), join(root, 'link.txt'))
const reports = join(folder, 'results')
const site = await serveFolder({ root, reports, port: 0 })
const plain = await serveFolder({ root, port: 0, isolated: false })

const test = suite('explorer server')
test.after(async () => {
  await site.close()
  await plain.close()
  await rm(folder, { recursive: true })
})

/** The path goes out as it is: fetch would tidy it. */
function get(path: string, method = 'GET', { url } = site) {
  return new Promise<{ status: number; headers: Record<string, unknown>; body: string }>(
    (resolve, reject) => {
      const asked = request(url, { path, method }, (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (part: string) => (body += part))
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        )
      })
      asked.on('error', reject).end()
    },
  )
}

test('listens on loopback alone, on a port of its own', () => {
  assert.match(site.url, /^http:\/\/127\.0\.0\.1:\d+\/$/)
  assert.is.not(site.url, plain.url)
})

test('the folder’s address gives its page, isolated unless told otherwise', async () => {
  const { status, headers, body } = await get('/')
  assert.equal([status, body], [200, FILES['site/index.html']])
  assert.is(headers['content-type'], 'text/html; charset=utf-8')
  assert.is(headers['cross-origin-opener-policy'], 'same-origin')
  assert.is(headers['cross-origin-embedder-policy'], 'require-corp')
  assert.is(headers['x-content-type-options'], 'nosniff')
  const { headers: without } = await get('/', 'GET', plain)
  assert.is(without['cross-origin-opener-policy'], undefined)
  assert.is(without['cross-origin-embedder-policy'], undefined)
})

test('each kind of file has its type and the least policy that it needs', async () => {
  const policies: Record<string, string> = {}
  for (const [path, type] of [
    ['/index.html', 'text/html; charset=utf-8'],
    ['/assets/index.js', 'text/javascript; charset=utf-8'],
    ['/assets/model.worker-1a2b.js', 'text/javascript; charset=utf-8'],
    ['/assets/gpujs.worker-1a2b.js', 'text/javascript; charset=utf-8'],
    ['/assets/page.css', 'text/css; charset=utf-8'],
    ['/weights.safetensors', 'application/octet-stream'],
  ]) {
    const { status, headers } = await get(path)
    assert.equal([path, status, headers['content-type']], [path, 200, type])
    policies[path] = String(headers['content-security-policy'])
  }
  for (const policy of Object.values(policies)) {
    assert.match(policy, /default-src 'none'/)
    assert.not.match(policy, /unsafe-inline|https?:|\*/)
  }
  const scriptsOf = (path: string) => /script-src ([^;]*)/.exec(policies[path])![1]
  assert.is(scriptsOf('/index.html'), "'self'")
  assert.match(policies['/index.html'], /frame-ancestors 'none'/)
  assert.is(scriptsOf('/assets/model.worker-1a2b.js'), "'self' 'wasm-unsafe-eval'")
  assert.is(scriptsOf('/assets/gpujs.worker-1a2b.js'), "'self' 'wasm-unsafe-eval' 'unsafe-eval'")
  assert.match(policies['/assets/gpujs.worker-1a2b.js'], /worker-src 'self' blob:/)
})

test('nothing outside the folder is given, however it is asked for', async () => {
  for (const path of [
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/assets/..%2f..%2fsecret.txt',
    '/..\\secret.txt',
    '/%5c..%5csecret.txt',
    `/${join(folder, 'secret.txt')}`,
    `//${join(folder, 'secret.txt')}`,
    '/link.txt',
  ]) {
    const { status, body } = await get(path)
    assert.is(status, 404, path)
    assert.not.match(body, /^secret/)
  }
})

test('the page may be framed as a card alone: by any page, also one that is isolated', async () => {
  const { headers } = await get('/?card=3.928')
  assert.match(String(headers['content-security-policy']), /script-src 'self';.*frame-ancestors \*$/)
  assert.is(headers['cross-origin-resource-policy'], 'cross-origin')
  assert.is(headers['cross-origin-embedder-policy'], 'require-corp')
  for (const path of ['/', '/?cards=1', '/index.html?feature=3', '/assets/index.js?card=3.928']) {
    const { headers } = await get(path)
    assert.not.match(String(headers['content-security-policy']), /frame-ancestors \*/, path)
    assert.is(headers['cross-origin-resource-policy'], 'same-origin', path)
  }
  const report = await get('/reports/?card=3.928')
  assert.is(report.headers['content-security-policy'], "frame-ancestors 'none'")
})

test('reports lie beside the page where there are some, with the policy that they carry', async () => {
  const index = await get('/reports/')
  assert.equal([index.status, index.body], [200, FILES['results/index.html']])
  assert.is(index.headers['content-security-policy'], "frame-ancestors 'none'")
  assert.is((await get('/reports/tiny/report.html')).body, FILES['results/tiny/report.html'])
  for (const path of [
    '/reports/..%2fsecret.txt',
    '/reports/..%2fsite/index.html',
    '/reports/nothing.html',
    '/reports',
  ])
    assert.is((await get(path)).status, 404, path)
  assert.is((await get('/reports/', 'GET', plain)).status, 404)
})

test('what is not there is 404: also a folder, and a name that is none', async () => {
  for (const path of ['/none.js', '/assets', '/assets/', '/%00', '/%', '/index.html/'])
    assert.is((await get(path)).status, 404, path)
})

test('HEAD gives the headers alone; other methods are refused', async () => {
  const { status, headers, body } = await get('/weights.safetensors', 'HEAD')
  assert.equal([status, headers['content-length'], body], [200, '7', ''])
  const post = await get('/', 'POST')
  assert.equal([post.status, post.headers.allow], [405, 'GET, HEAD'])
})

test('a port that is taken is named, with what to do', async () => {
  const port = Number(new URL(site.url).port)
  const error = await serveFolder({ root, port }).then(
    () => new Error('it listens'),
    (error: Error) => error,
  )
  assert.is(error.name, 'UserError')
  assert.is(
    error.message,
    `port ${port}: something else is listening there; choose another with --port, or 0 for any`,
  )
})

test.run()
