// `npm run explore`: the command, from the command line to the page it serves.
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { interruptScript, isOneLine, runScript } from '../helpers/cli.ts'

const MAIN = 'experiments/explorer/main.ts'
const folder = await mkdtemp(join(tmpdir(), 'clearbox-explore-cli-'))

const command = suite('explore')
command.after(() => rm(folder, { recursive: true }))

command('serves what it has built until Ctrl-C, which ends it with 130', async () => {
  const out = join(folder, 'served')
  let page = ''
  let asked = false
  const { status, stdout, stderr } = await interruptScript(MAIN, ['--out', out, '--port', '0'], (said) => {
    const [url] = /http:\/\/127\.0\.0\.1:\d+\//.exec(said()) ?? []
    if (url !== undefined && !asked) void fetch(url).then(async (response) => (page = await response.text()))
    asked = url !== undefined
    return page !== ''
  })
  assert.is(status, 130, stderr)
  assert.match(page, /Content-Security-Policy/)
  assert.match(stdout, /^\d+ files, 2\d\.\d MB: .*served\nthe Explorer: http:.*Ctrl-C ends it/)
})

command('--no-serve --json builds, says where and how large, and ends', async () => {
  const out = join(folder, 'built')
  const { status, stdout, stderr } = runScript(MAIN, ['--no-serve', '--json', '--out', out])
  assert.is(status, 0, stderr)
  assert.is(stderr, '')
  const { bytes, files, ...rest } = JSON.parse(stdout) as { out: string; bytes: number; files: number }
  assert.equal(rest, { out })
  assert.ok(bytes < 25e6)
  const entries = await readdir(out, { recursive: true, withFileTypes: true })
  assert.is(entries.filter((entry) => entry.isFile()).length, files)
})

command('a wrong option, and a folder of somebody else’s, are one line and what to do', async () => {
  const port = runScript(MAIN, ['--port', '70000'])
  assert.is(port.status, 2)
  assert.match(port.stderr, /port: expected a whole number from 0 to 65535, got '70000'/)
  const taken = runScript(MAIN, ['--no-serve', '--out', folder])
  assert.is(taken.status, 1)
  assert.match(taken.stderr, /cannot build into .*it holds other files/)
  assert.ok(isOneLine(taken.stderr))
})

command('a port that is taken is said before anything is built', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const address = other.address()
  const port = typeof address === 'object' ? address!.port : 0
  const out = join(folder, 'never')
  const { status, stderr } = runScript(MAIN, ['--out', out, '--port', String(port)])
  other.close()
  assert.is(status, 1)
  assert.match(
    stderr,
    new RegExp(`^error: port ${port}: something else is listening there; choose another with --port`),
  )
  assert.ok(isOneLine(stderr), stderr)
  assert.not.ok(existsSync(out))
})

command.run()
