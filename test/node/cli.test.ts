// Command lines, exit codes, progress and atomic files: what every experiment's main.ts stands on.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import type { WriteStream } from 'node:tty'
import { UserError } from '../../experiments/lab/cli/user-error.ts'
import { createProgress, progressLine } from '../../experiments/lab/cli/progress.ts'
import { print, toJson, visibleLine } from '../../experiments/lab/cli/print.ts'
import { formatTable } from '../../experiments/lab/cli/table.ts'
import { checkWritable, writeAllAtomically, writeAtomically } from '../../experiments/lab/cli/write-node.ts'
import { refusesReadOnly } from '../helpers/read-only.ts'

const FIXTURE = join(import.meta.dirname, '../fixtures/cli/command.ts')

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the fixture; `onOutput` sees the child at its first output, to send it a signal, say. */
async function run(
  args: string[],
  env: NodeJS.ProcessEnv = {},
  onOutput?: (pid: number) => void,
): Promise<Ended> {
  const child = spawn(process.execPath, [FIXTURE, ...args], {
    env: { ...process.env, CLEARBOX_DEBUG: '', ...env },
  })
  const text = { stdout: '', stderr: '' }
  child.stderr.on('data', (chunk: Buffer) => (text.stderr += chunk.toString()))
  child.stdout.on('data', (chunk: Buffer) => {
    if (text.stdout === '' && child.pid !== undefined) onOutput?.(child.pid)
    text.stdout += chunk.toString()
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, ...text }
}

async function rejection(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  )
}

const commands = suite('commands')

commands('a folder that cannot be written is told before the work, and not made', async () => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'writable-'))
  fs.writeFileSync(join(folder, 'file'), '')
  const fault = await rejection(checkWritable(join(folder, 'file', 'deep', 'er')))
  assert.instance(fault, UserError)
  assert.match((fault as Error).message, /deep.er: a part of the path is a file, not a folder \(ENOTDIR\)/)
  await checkWritable(join(folder, 'new', 'er'))
  assert.equal(fs.readdirSync(folder), ['file'])
  fs.rmSync(folder, { recursive: true })
})

commands('options that npm took for its own are told of, as they were typed', async () => {
  const note = async (taken: NodeJS.ProcessEnv, ...args: string[]) =>
    (await run(['--end', 'well', ...args], taken)).stderr
  const of = (flags: string, typed: string) =>
    `note: npm took ${flags} for its own: put -- before the options: npm run fixture -- ${typed}\n`
  assert.is(await note({ npm_config_json: 'true' }), of('--json', '--json'))
  const many = {
    ...{ npm_config_layers: 'true', npm_config_top: '7', npm_config_dry_run: '', npm_config_json: 'true' },
    ...{ npm_config_audit: '', npm_config_out: '' }, // npm's own settings, and what is like one
  }
  const typed = '--json --top=7 --layers ... --no-dry-run'
  assert.is(await note(many), of('--json, --top, --layers, --no-dry-run', typed))
  const given = ['--json', '--top=3', '--layers', '2', '--no-dry-run']
  assert.is(await note(many, ...given), '')
  // Where the options are wrong because of it, too.
  const { code, stderr } = await run(['2,4'], { npm_config_layers: 'true' })
  assert.is(code, 2)
  assert.ok(stderr.startsWith(of('--layers', '--layers ...')), stderr)
})

commands('print results on standard output and exit 0', async () => {
  const ended = await run([
    '--end',
    'well',
    '--layers',
    '6, 8',
    '--top',
    '3',
    '--temperature',
    '.5',
    '--json',
  ])
  assert.equal(ended, {
    code: 0,
    stdout: '{"dryRun":true,"end":"well","layers":[6,8],"top":3,"temperature":0.5,"json":true}\n',
    stderr: '',
  })
})

commands('print help on standard output, with the npm call', async () => {
  const ended = await run(['--help'])
  assert.is(ended.code, 0)
  assert.match(ended.stdout, 'Usage: npm run fixture -- [options]')
  assert.match(ended.stdout, '--json')
  assert.is(ended.stderr, '')
})

const wrong: [args: string[], message: string][] = [
  [['--top', '0'], "top: expected a whole number from 1, got '0'."],
  [['--top', '2.5'], "top: expected a whole number from 1, got '2.5'."],
  [['--top', '1e3'], "top: expected a whole number from 1, got '1e3'."],
  [['--layers', '6,12'], "layer: expected a whole number from 0 to 11, got '12'."],
  [['--layers', '6,,8'], "layers: expected entries separated by commas, none empty, got '6,,8'."],
  [['--temperature', '-1'], "temperature: expected a number from 0, got '-1'."],
  [['--temperature', ''], "temperature: expected a number from 0, got ''."],
  [['--temperature', 'Infinity'], "temperature: expected a number from 0, got 'Infinity'."],
  [['--end', 'wel'], 'end: expected one of well, mended,'],
  [['--tpo', '3'], 'Did you mean --top?'],
  [['stray'], 'too many arguments'],
]
for (const [args, message] of wrong)
  commands(`refuse ${args.join(' ')} with exit code 2`, async () => {
    const ended = await run(args)
    assert.is(ended.code, 2)
    assert.is(ended.stdout, '')
    assert.match(ended.stderr, message)
    assert.match(ended.stderr, 'see the options with: npm run fixture -- --help')
  })

commands('print a fault that the user can mend as one line', async () => {
  const ended = await run(['--end', 'mended'], { CLEARBOX_DEBUG: '1' })
  assert.equal(ended, { code: 1, stdout: '', stderr: 'error: no such text: name another\n' })
})

commands('end on an unexpected error, even where something keeps the process alive', async () => {
  const ended = await run(['--end', 'crash'])
  assert.is(ended.code, 1)
  assert.is(ended.stderr, 'error: an impossible thing\n(set CLEARBOX_DEBUG=1 to see where it happened)\n')
})

commands('show the stack when CLEARBOX_DEBUG is set', async () => {
  const ended = await run(['--end', 'crash'], { CLEARBOX_DEBUG: '1' })
  assert.is(ended.code, 1)
  assert.match(ended.stderr, /Error: an impossible thing\n +at .*command\.ts/)
})

commands('exit with 130 on SIGINT and 143 on SIGTERM', async () => {
  const interrupted = await run(['--end', 'hang'], {}, (pid) => process.kill(pid, 'SIGINT'))
  assert.equal(interrupted, { code: 130, stdout: 'hanging\n', stderr: '' })
  const terminated = await run(['--end', 'hang'], {}, (pid) => process.kill(pid, 'SIGTERM'))
  assert.is(terminated.code, 143)
})

commands('end quietly when the reader of standard output leaves', async () => {
  const child = spawn(process.execPath, [FIXTURE, '--end', 'chatter'])
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  child.stdout.once('data', () => child.stdout.destroy())
  const [code] = (await once(child, 'close')) as [number | null]
  assert.is(code, 0)
  assert.is(stderr, '')
})

commands.run()

const files = suite('atomic files')
let folder = ''
files.before.each(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'clearbox-test-'))
})
files.after.each(() => fs.rmSync(folder, { recursive: true, force: true }))

files('are written whole, with the folders on the way', async () => {
  await writeAtomically(join(folder, 'a/b/text.txt'), 'naïve ✓')
  await writeAtomically(join(folder, 'a/b/bytes.bin'), Uint8Array.of(1, 2, 255))
  assert.is(fs.readFileSync(join(folder, 'a/b/text.txt'), 'utf8'), 'naïve ✓')
  assert.equal([...fs.readFileSync(join(folder, 'a/b/bytes.bin'))], [1, 2, 255])
  assert.equal(fs.readdirSync(join(folder, 'a/b')).sort(), ['bytes.bin', 'text.txt'])
})

files('follow a symbolic link and replace what it points to', async () => {
  const real = join(folder, 'real.txt')
  fs.writeFileSync(real, 'old')
  fs.symlinkSync(real, join(folder, 'link.txt'))
  await writeAtomically(join(folder, 'link.txt'), 'new')
  assert.is(fs.readFileSync(real, 'utf8'), 'new')
  assert.ok(fs.lstatSync(join(folder, 'link.txt')).isSymbolicLink())
})

files('refuse a folder, a socket, a file as parent and a dangling link, by name', async () => {
  fs.mkdirSync(join(folder, 'taken'))
  fs.writeFileSync(join(folder, 'file'), '')
  fs.symlinkSync(join(folder, 'nowhere'), join(folder, 'dangling'))
  // A socket stands for every special file: were the check broken, /dev/null itself would be replaced.
  const server = createServer().listen(join(folder, 'socket'))
  await once(server, 'listening')
  const refusals: [path: string, cause: string][] = [
    [join(folder, 'taken'), 'it is a folder'],
    [join(folder, 'socket'), 'not a regular file'],
    [join(folder, 'file/inner.txt'), 'a part of the path is a file'],
    [join(folder, 'dangling'), 'leads nowhere'],
    [join(folder, 'x'.repeat(300)), 'the name is too long'],
  ]
  for (const [path, cause] of refusals) {
    const error = await rejection(writeAtomically(path, 'x'))
    assert.instance(error, UserError, path)
    assert.match((error as UserError).message, `cannot write ${path}: `)
    assert.match((error as UserError).message, cause)
  }
  assert.equal(fs.readdirSync(folder).sort(), ['dangling', 'file', 'socket', 'taken'])
  server.close()
})

files('leave neither a half nor a changed file when SIGINT comes while writing', async () => {
  const path = join(folder, 'features.bin')
  fs.writeFileSync(path, 'old')
  let seenDraft = false
  const ended = await run(['--end', 'write', '--out', path], {}, (pid) => {
    const poll = setInterval(() => {
      seenDraft = fs.readdirSync(folder).some((name) => name.endsWith('.partial'))
      if (!seenDraft) return
      clearInterval(poll)
      process.kill(pid, 'SIGINT')
    }, 1)
  })
  assert.ok(seenDraft)
  assert.is(ended.code, 130)
  assert.equal(fs.readdirSync(folder), ['features.bin'])
  assert.is(fs.readFileSync(path, 'utf8'), 'old')
})

files('of a set keep their former content when one of them fails', async () => {
  fs.writeFileSync(join(folder, 'results.json'), 'old')
  const ended = await run(['--end', 'replace', '--out', folder])
  assert.is(ended.code, 1)
  assert.match(ended.stderr, /^error: cannot write .*results\.json\/inner\.csv: .*\n$/)
  assert.equal(fs.readdirSync(folder), ['results.json'])
  assert.is(fs.readFileSync(join(folder, 'results.json'), 'utf8'), 'old')
})

files('on a read-only file system: the topmost missing folder is the one that is told', async () => {
  const path = join(folder, 'never/b/c.txt')
  await refusesReadOnly(join(folder, 'never'), path, () => writeAtomically(path, ''))
})

files('of a set appear together', async () => {
  await writeAllAtomically(join(folder, 'set'), { 'a.json': '{}', 'cards/b.html': '<p>' })
  assert.equal(fs.readdirSync(join(folder, 'set')).sort(), ['a.json', 'cards'])
  assert.is(fs.readFileSync(join(folder, 'set/cards/b.html'), 'utf8'), '<p>')
})

files.run()

const progress = suite('progress')

/** A stream that collects what is written, as standard error would get it. */
function collector(isTTY: boolean): { out: NodeJS.WriteStream; text: () => string } {
  const chunks: string[] = []
  const pipe = new PassThrough().on('data', (chunk: Buffer) => chunks.push(chunk.toString()))
  const terminal = { isTTY, columns: 100, getWindowSize: () => [100, 24] }
  const out = Object.assign(pipe, terminal) as unknown as WriteStream
  return { out, text: () => chunks.join('') }
}

progress('says what is done and how long the rest takes', () => {
  const job = { label: 'encoding', total: 40, unit: 'texts' }
  assert.is(progressLine(job, { done: 10, elapsedMs: 5000 }), 'encoding: 10/40 texts (25 %), 15 s left')
  assert.is(progressLine(job, { done: 40, elapsedMs: 5000 }), 'encoding: 40/40 texts (100 %), 0 s left')
  assert.is(progressLine(job, { done: 0, elapsedMs: 5000 }), 'encoding: 0/40 texts (0 %), starting')
  assert.is(
    progressLine({ ...job, total: 0 }, { done: 0, elapsedMs: 1 }),
    'encoding: 0/0 texts (100 %), starting',
  )
})

progress('shows bytes with their rate, and does not count as speed what was there before', () => {
  const job = { label: 'fetching gpt2', total: 500e6, unit: 'bytes' }
  const standing = { done: 300e6, skipped: 200e6, elapsedMs: 10_000, detail: 'model.safetensors' }
  assert.is(
    progressLine(job, standing),
    'fetching gpt2: 300.0 MB of 500.0 MB (60 %), 10.0 MB/s, 20 s left; model.safetensors',
  )
  assert.is(
    progressLine(job, { done: 1234, skipped: 1234, elapsedMs: 5 }),
    'fetching gpt2: 1,234 bytes of 500.0 MB (0 %), starting',
  )
})

progress('gives a log one plain line at a time, and not too many', () => {
  const rare = collector(false)
  using quick = createProgress({ label: 'quick', total: 3, unit: 'texts', out: rare.out })
  for (let i = 0; i < 3; i++) quick.step()
  assert.is(rare.text(), '')

  const often = collector(false)
  using slow = createProgress({ label: 'slow', total: 3, unit: 'texts', out: often.out, lineEvery: 0 })
  slow.step()
  slow.update(3)
  assert.match(
    often.text(),
    /^slow: 1\/3 texts \(33 %\), \d+ s left\nslow: 3\/3 texts \(100 %\), 0 s left\n$/,
  )
})

progress('draws a bar on a terminal and shows the cursor again', () => {
  const { out, text } = collector(true)
  const bar = createProgress({ label: 'encoding', total: 4, unit: 'texts', out })
  bar.update(2)
  bar.stop()
  bar.stop()
  assert.match(text(), /encoding █+░+ 50 % \| 2\/4 texts/)
  assert.match(text(), '\u001b[?25l')
  assert.is(text().split('\u001b[?25h').length, 2)
})

progress('is silent when asked to be', () => {
  const { out, text } = collector(true)
  using bar = createProgress({ label: 'encoding', total: 4, unit: 'texts', quiet: true, out, lineEvery: 0 })
  bar.step()
  assert.is(text(), '')
})

progress.run()

const tables = suite('tables')

tables('align numbers to the right, text to the left, without colours', () => {
  const lines = formatTable(
    ['category', 'peak'],
    [
      ['Math', '9.50'],
      ['Social', 12.5],
      ['URLs', '–'],
    ],
  ).split('\n')
  assert.equal(lines.slice(3, 6), ['│ Math     │ 9.50 │', '│ Social   │ 12.5 │', '│ URLs     │    – │'])
})

const hostile = '\u001b[31mESC\u202e\u009b2J'

tables('print keeps line ends and makes the rest visible', () => {
  const out = new PassThrough()
  print(`a ${hostile}\nb`, out)
  assert.is(String(out.read()), 'a ␛[31mESC[U+202E][U+009B]2J\nb\n')
})

tables('JSON has the same values, with all that would not be seen escaped', () => {
  const texts = [
    'a\u00a0b',
    '\u3164',
    '\u202e',
    '\u200d',
    '\ufe0f',
    '\u3000\u2028',
    '\u{e0041}',
    '\u{e000}',
    'é 🦜',
  ]
  assert.is(
    toJson(texts, 0),
    String.raw`["a\u00a0b","\u3164","\u202e","\u200d","\ufe0f","\u3000\u2028","\udb40\udc41","${'\u{e000}'}","é 🦜"]`,
  )
  assert.equal(JSON.parse(toJson({ texts }, 1)), { texts })
  assert.is(toJson({ a: 1 }, 1), '{\n "a": 1\n}')
})

tables('a log gets at most a line for each tenth', () => {
  const out = new PassThrough()
  const options = { label: 'a', total: 1000, unit: 'texts', out: out as unknown as WriteStream, lineEvery: 0 }
  using progress = createProgress(options)
  for (let i = 0; i < 1000; i++) progress.step()
  assert.is(String(out.read()).split('\n').length - 1, 10)
})

tables('progress makes labels and details visible', () => {
  const out = new PassThrough()
  const options = {
    label: hostile,
    total: 2,
    unit: 'texts',
    out: out as unknown as WriteStream,
    lineEvery: 0,
  }
  using progress = createProgress(options)
  progress.update(1, hostile)
  assert.not.match(String(out.read()), /[\u001b\u202e\u009b]/)
})

tables('show control characters instead of obeying them', () => {
  assert.is(visibleLine('a\u001b[31m\nb\u007f\u009b\u202e'), 'a␛[31m␊b␡[U+009B][U+202E]')
  assert.is(visibleLine('\u00a0\u2028\u3000\u3164'), '[U+00A0][U+2028][U+3000][U+3164]')
  assert.not.match(formatTable(['text'], [['\u001b[2J']]), '\u001b')
})

tables.run()
