// The Explorer on every backend that it offers: what it says runs is what runs, and the features are those of the command line.
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BACKENDS } from '../../experiments/explorer/page/backends.ts'
import { startExplorer, type Visitor } from './explorer-site.ts'
import { captureText, LAYERS, positive } from './explorer-truth.ts'
import { softwareGpu } from './gpujs-mode.ts'

const TEXT = 'SELECT name FROM users; -- twice 2 + 2'

const scratch = await mkdtemp(join(tmpdir(), 'clearbox-explorer-cli-'))
const truth = await captureText(TEXT, scratch)
const explorer = await startExplorer(softwareGpu)
const test = suite('the Explorer’s backends')
test.after(async () => {
  await explorer.close()
  rmSync(scratch, { recursive: true })
})

/** What each says that it runs on. On SwiftShader both GPU modes run everywhere: a missing adapter fails. */
const RUNNING: Readonly<Record<string, RegExp>> = {
  wasm: /^simd( fma)? 128-bit, [2-9]\d* threads$|^simd( fma)? 128-bit, 1 thread$/,
  reference: /float64/,
  'gpujs:cpu': /^gpu\.js, plain JavaScript, 1 thread$/,
  'gpujs:webasm': /^gpu\.js, WebAssembly SIMD, \d+ threads/,
  'gpujs:webgl2': /^gpu\.js, ANGLE .*SwiftShader.*\(software\)$/,
  'gpujs:webgpu': /^gpu\.js, .*swiftshader.*\(software\)$/,
}

/** Reads the text, and holds all features to the command line's: the same sets but for what is nearly zero. */
async function checkFeatures(visitor: Visitor, backend: string, mode: RegExp): Promise<void> {
  await visitor.ready()
  if ((await visitor.page.locator('#text').inputValue()) !== TEXT) await visitor.write(TEXT)
  const file = await visitor.exported()
  assert.is(file.backend, backend)
  assert.match(file.mode, mode)
  assert.is(await visitor.fact('Runs'), file.mode)
  assert.is(file.text, TEXT)
  for (const layer of LAYERS)
    for (const [token, found] of file.layers[layer].features.entries()) {
      if (token === 0) continue
      const row = truth.features[layer].row(token)
      const place = `${backend}, layer ${layer}, token ${token}`
      for (const { feature, activation } of found)
        assert.ok(Math.abs(activation - row[feature]) < 1e-4, `${place}: ${activation}, not ${row[feature]}`)
      const present = new Set(found.map(({ feature }) => feature))
      for (const { feature, value } of positive(row))
        assert.ok(value < 1e-4 || present.has(feature), `${place}: feature ${feature} is missing`)
    }
}

const stalls = /GPU stall due to ReadPixels/ // WebGL's read-back waits: known

for (const { name } of BACKENDS)
  test(`${name}, from a link: runs as it says, with the command line’s features`, () =>
    explorer.visit((visitor) => checkFeatures(visitor, name, RUNNING[name]), {
      url: `${explorer.url}#backend=${encodeURIComponent(name)}`,
      expected: stalls,
    }))

test('the choice on the page changes what runs; the text and its former result stay meanwhile', () =>
  explorer.visit(async (visitor) => {
    await visitor.ready()
    await visitor.write(TEXT)
    const chips = visitor.page.locator('[data-token]')
    const shown = await chips.allInnerTexts()
    await visitor.page.getByLabel('What computes').selectOption('gpujs:cpu')
    assert.equal(await chips.allInnerTexts(), shown)
    await visitor.page.locator('#explorer:not([data-state="ready"])').waitFor()
    assert.equal(await chips.allInnerTexts(), shown)
    await checkFeatures(visitor, 'gpujs:cpu', RUNNING['gpujs:cpu'])
  }))

for (const [name, mode] of [
  ['wasm', /^simd( fma)? 128-bit, 1 thread$/],
  ['gpujs:webasm', /^gpu\.js, WebAssembly SIMD, 1 thread/],
] as const)
  test(`${name} without cross-origin isolation: one thread, which the page says, and the same features`, () =>
    explorer.visit(
      async (visitor) => {
        await checkFeatures(visitor, name, mode)
        const said = await visitor.page.locator('section.ask').innerText()
        assert.match(said, /not.*cross-origin isolated|one thread/i)
      },
      { url: `${explorer.plainUrl}#backend=${name}` },
    ))

test.run()
