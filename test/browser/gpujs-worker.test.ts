import type { Browser } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { modes, type Mode } from '../../engine/gpujs/modes.ts'
import { launchChromium } from './chromium.ts'
import { softwareGpu } from './gpujs-mode.ts'
import type { WorkerAnswer } from './gpujs-worker.ts'
import { serveRepository, type Site } from './serve.ts'

/*
 * The explorer runs each mode in a dedicated worker under a Content-Security-Policy. A worker that is fetched has the
 * policy of its own response, so that what gpu.js needs is allowed there and not on the page.
 */

const WORKER = '/test/browser/gpujs-worker.ts'
const strict = "default-src 'self'; img-src data:; script-src 'self'"

/** A page under the strict policy, whose workers are under `policy`; `run` has a new worker compute on a mode. */
async function openPage(browser: Browser, policy: string) {
  const site: Site = await serveRepository({
    policy: (pathname) => (pathname === WORKER ? policy : strict),
  })
  const page = await browser.newPage()
  await page.goto(site.url)
  const run = (mode: Mode): Promise<WorkerAnswer> =>
    page.evaluate(
      ({ path, backend }) =>
        new Promise<WorkerAnswer>((resolve) => {
          const worker = new Worker(path, { type: 'module' })
          const answer = (answered: WorkerAnswer) => {
            worker.terminate()
            resolve(answered)
          }
          worker.onmessage = ({ data }: MessageEvent<WorkerAnswer>) => answer(data)
          worker.onerror = ({ message }) => answer({ error: `its script did not run: ${message}` })
          worker.postMessage(backend)
        }),
      { path: WORKER, backend: `gpujs:${mode}` },
    )
  return { run, close: () => site.close() }
}

const browser = await launchChromium(softwareGpu)
const [open, noEval, noBlobs, noWasm] = [
  await openPage(browser, `${strict} 'wasm-unsafe-eval' 'unsafe-eval'; worker-src blob:`),
  await openPage(browser, `${strict} 'wasm-unsafe-eval'; worker-src blob:`),
  await openPage(browser, `${strict} 'wasm-unsafe-eval'`),
  await openPage(browser, `${strict}; worker-src blob:`),
]

const test = suite('gpujs in a dedicated worker')
test.after(async () => {
  await browser.close()
  for (const page of [open, noEval, noBlobs, noWasm]) await page.close()
})

/** What each mode says that it ran on. */
const running: Readonly<Record<Mode, RegExp>> = {
  cpu: /^gpu\.js, plain JavaScript, 1 thread$/,
  webasm: /^gpu\.js, WebAssembly SIMD, \d+ threads/,
  webgl2: /^gpu\.js, ANGLE .*SwiftShader.*\(software\)$/,
  webgpu: /^gpu\.js, .*swiftshader.*\(software\)$/,
}

function checkRun(answer: WorkerAnswer, mode: Mode): void {
  assert.ok('run' in answer, 'error' in answer ? answer.error : '')
  if (!('run' in answer)) return
  console.log(`${mode}: ${answer.run.mode}, error ${answer.run.error}`)
  assert.match(answer.run.mode, running[mode])
  assert.ok(answer.run.error < 1e-4, `logits differ by ${answer.run.error}`)
}

for (const mode of modes)
  test(`gpujs:${mode} gives the bundled model’s logits`, async () => checkRun(await open.run(mode), mode))

for (const mode of ['webasm', 'webgl2', 'webgpu'] as const)
  test(`gpujs:${mode} needs no 'unsafe-eval'`, async () => checkRun(await noEval.run(mode), mode))

for (const [mode, page, reason] of [
  ['cpu', noEval, /forbids making functions from source; allow script-src 'unsafe-eval'/],
  ['webasm', noBlobs, /cannot run here: .*: a Content-Security-Policy must allow worker-src blob:/],
  ['webasm', noWasm, /cannot run here: .*: a Content-Security-Policy must allow .*'wasm-unsafe-eval'/],
] as const)
  test(`gpujs:${mode} fails with the reason where the policy forbids what it needs: ${reason.source}`, async () => {
    const answer = await page.run(mode)
    assert.match('error' in answer ? answer.error : `it ran on ${answer.run.mode}`, reason)
  })

test.run()
