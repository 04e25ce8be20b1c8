// What of a corpus's queue needs no Redis: addresses, passwords, paths, and packages that are missing. The rest: test/queue.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { commandLine } from '../../experiments/lab/cli/cli.ts'
import { withoutPasswords } from '../../experiments/lab/cli/print.ts'
import { belowRoot, nameBelowRoot } from '../../experiments/tools/corpus/queue/below-root.ts'
import { isOneLine, runScript } from '../helpers/cli.ts'
import { refusal } from '../helpers/refusal.ts'

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'corpus-queue-')))
const root = join(folder, 'root')
mkdirSync(join(root, 'in/deep'), { recursive: true })
mkdirSync(join(folder, 'out'))
symlinkSync(join(folder, 'out'), join(root, 'link'))
symlinkSync(join(folder, 'nowhere'), join(root, 'dangling'))
symlinkSync(join(root, 'in'), join(root, 'within'))
const test = suite('corpus on a queue, without one')
test.after(() => rmSync(folder, { recursive: true }))

const worker = (args: readonly string[], env: Record<string, string> = {}) =>
  runScript('experiments/tools/corpus/queue/main.ts', args, undefined, { env })

test('an address is refused without its password', () => {
  for (const address of [
    'http://:Secret1@host',
    'redis://:Secret1@host/x',
    'redis://:Sec/ret1@host',
    'redis://host?password=Secret1',
  ]) {
    const { status, stderr } = worker(['--queue', address])
    assert.is(status, 1)
    assert.match(stderr, 'error: --queue: expected redis://HOST[:PORT][/DATABASE], or rediss://')
    assert.not.match(stderr, /ret1/)
    assert.ok(isOneLine(stderr), stderr)
  }
})

test('no message and no command line has a password', () => {
  assert.is(
    withoutPasswords('--queue=rediss://me:a@b@host/1 OWNER/SAE@1'),
    '--queue=rediss://***@host/1 OWNER/SAE@1',
  )
  assert.is(
    commandLine('corpus', ['--queue', 'redis://:Secret1@host']),
    'npm run corpus -- --queue "redis://***@host"',
  )
  const { status, stderr } = worker(['--queue', 'redis://host', '--queu=redis://:Secret1@host'])
  assert.is(status, 2)
  assert.match(stderr, `unknown option '--queu=redis://***@host'`)
})

test('a missing package is named, and how to have it', () => {
  const hide = `import { registerHooks } from 'node:module'
    registerHooks({ resolve: (name, ...rest) => rest[1](name === 'ioredis' ? 'ioredis-that-is-missing' : name, rest[0]) })`
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hide)}` }
  const { status, stderr } = worker(['--queue', 'redis://localhost'], env)
  assert.is(status, 1)
  assert.is(
    stderr,
    'error: --queue needs the package ioredis, which is not installed: npm install --no-save --save-dev bullmq@6.7.0 ioredis@6.0.0 (16 MB)\n',
  )
})

test('paths lead nowhere but below the root', async () => {
  assert.is(await belowRoot(root, 'in/new/file'), join(root, 'in/new/file'))
  assert.is(await belowRoot(root, 'within/deep'), join(root, 'in/deep'))
  assert.is(await belowRoot(root, '.'), root)
  for (const path of ['..', 'in/../../out', 'in\\..\\x', folder, 'C:\\x', '\\\\host\\x', 'in/\0'])
    assert.match(await refusal(belowRoot(root, path)), ': expected a path below --root, without ..')
  for (const path of ['link', 'link/new/file', 'dangling', 'dangling/x'])
    assert.match(await refusal(belowRoot(root, path)), `${path}: a symbolic link leads out of --root`)
})

test('the command names its folders as workers find them', async () => {
  assert.is(await nameBelowRoot(root, join(root, 'within/new')), 'in/new')
  const message = await refusal(nameBelowRoot(root, join(folder, 'out/new')))
  assert.match(
    message,
    `out/new is not below --root, ${root}: workers find texts and results below their own --root`,
  )
  const { status, stderr } = runScript('experiments/tools/corpus/main.ts', [
    ...[
      '--texts',
      'https://host/a.parquet',
      '--out',
      join(root, 'x'),
      '--queue',
      'redis://host',
      '--root',
      root,
    ],
  ])
  assert.is(status, 1)
  assert.is(
    stderr,
    'error: --queue: texts at an address cannot be shared between workers: fetch them first\n',
  )
})

test.run()
