// The Explorer where something is missing, damaged, refused or hostile: a sentence, and a way on.
import type { BrowserContext, Route } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startExplorer, type Visitor, type VisitOptions } from './explorer-site.ts'

const explorer = await startExplorer()
const test = suite('faults that people meet in the Explorer')
test.after(() => explorer.close())

const TEXT = 'one two three'

/** What the page says went wrong. */
async function complaint({ page }: Visitor): Promise<string> {
  const notice = page.locator('.notice.failure')
  await notice.waitFor()
  assert.is(await notice.getAttribute('role'), 'alert')
  return (await notice.innerText()).replace(/\s+/g, ' ')
}

/** Requests for the files that match are answered so; the function takes that back. */
async function intercept(context: BrowserContext, files: RegExp, answer: (route: Route) => Promise<void>) {
  await context.route(files, answer)
  return () => context.unroute(files)
}

interface Fault {
  readonly files: RegExp
  readonly answer: (route: Route) => Promise<void>
  readonly said: RegExp
  readonly expected?: RegExp
}

async function changed(route: Route, change: (body: Buffer) => Buffer): Promise<void> {
  const response = await route.fetch()
  const headers = { ...response.headers() }
  delete headers['content-length']
  await route.fulfill({ response, headers, body: change(await response.body()) })
}

/** The worker's script with something said before it. */
const before = (source: string) => (route: Route) =>
  changed(route, (body) => Buffer.concat([Buffer.from(`${source}\n`), body]))

const WEIGHTS = /\/files\/model\.[0-9a-f]+\.safetensors$/
const ONE_SAE = /\/files\/blocks\.3\..*safetensors$/
const WORKER = /\/model\.worker-[^/]*\.js$/
const ON_FIRE = before(`setTimeout(() => { throw new Error('it is on fire') })`)

const faults: Readonly<Record<string, Fault>> = {
  'weights that are missing': {
    files: WEIGHTS,
    answer: (route) => route.fulfill({ status: 404, body: 'not here' }),
    said: /model\.\w+\.safetensors: the server answered 404.* instead of the file.*[Rr]eload/,
    expected: /Failed to load resource/,
  },
  'an SAE that is missing': {
    files: ONE_SAE,
    answer: (route) => route.fulfill({ status: 500, body: 'broken' }),
    said: /blocks\.3\.\S+: the server answered 500/,
    expected: /Failed to load resource/,
  },
  'a connection that breaks': {
    files: WEIGHTS,
    answer: (route) => route.abort('connectionreset'),
    said: /model\.\w+\.safetensors cannot be fetched.*connection/,
    expected: /Failed to load resource/,
  },
  'weights cut short': {
    files: WEIGHTS,
    answer: (route) => changed(route, (body) => body.subarray(0, body.length >> 1)),
    said: /model\.\w+\.safetensors is not as it should be: expected \d+ bytes, found \d+ bytes/,
  },
  'weights that are too long': {
    files: WEIGHTS,
    answer: (route) => changed(route, (body) => Buffer.concat([body, Buffer.of(0)])),
    said: /expected \d+ bytes, found more than \d+ bytes/,
  },
  'one wrong byte in the weights': {
    files: WEIGHTS,
    answer: (route) =>
      changed(route, (body) => {
        body[body.length - 1000] ^= 1
        return body
      }),
    said: /model\.\w+\.safetensors is damaged: expected SHA-256 [0-9a-f]{64}, found [0-9a-f]{64}/,
  },
  'one wrong byte in an SAE': {
    files: ONE_SAE,
    answer: (route) =>
      changed(route, (body) => {
        body[body.length - 1000] ^= 1
        return body
      }),
    said: /blocks\.3\.\S+ is damaged: expected SHA-256/,
  },
  'memory that the browser refuses': {
    files: WORKER,
    answer: before(
      `WebAssembly.Memory = function () { throw new RangeError('WebAssembly.Memory(): could not allocate memory') }`,
    ),
    said: /gives no more memory: .*could not allocate memory.*Close other tabs/,
  },
  'a worker that crashes': {
    files: WORKER,
    answer: ON_FIRE,
    said: /worker that computes has stopped: .*it is on fire.*Start it again/,
    expected: /it is on fire/,
  },
  'a worker whose script is missing': {
    files: WORKER,
    answer: (route) => route.fulfill({ status: 404, body: 'not here' }),
    said: /worker that computes has stopped: its script could not be loaded/,
    expected: /Failed to load resource/,
  },
}

for (const [name, { files, answer, said, expected }] of Object.entries(faults))
  test(`${name}: said, and mended by trying again`, async () => {
    let mend = (): Promise<void> => Promise.reject(new Error('nothing to mend'))
    const options: VisitOptions = {
      url: `${explorer.url}#text=${encodeURIComponent(TEXT)}`,
      prepare: async (_, context) => void (mend = await intercept(context, files, answer)),
      expected,
    }
    await explorer.visit(async (visitor) => {
      assert.match(await complaint(visitor), said)
      assert.is(await visitor.data('state'), 'failed')
      assert.is(await visitor.page.locator('#text').inputValue(), TEXT)
      await mend()
      await visitor.button('Try again').click()
      await visitor.ready()
      assert.is(await visitor.page.locator('.notice.failure').count(), 0)
      assert.is((await visitor.exported()).text, TEXT)
    }, options)
  })

test('a worker that crashes is ended: what it would still send undoes nothing', async () => {
  await explorer.visit(
    async (visitor) => {
      assert.match(await complaint(visitor), /it is on fire/)
      await Promise.all(visitor.page.workers().map((worker) => worker.waitForEvent('close')))
      assert.is(visitor.page.workers().length, 0)
      assert.is(await visitor.data('state'), 'failed')
    },
    {
      prepare: async (_, context) => void (await intercept(context, WORKER, ON_FIRE)),
      expected: /it is on fire/,
    },
  )
})

test('no WebGPU: the reason, and wasm at a click', () =>
  explorer.visit(
    async (visitor) => {
      assert.match(await complaint(visitor), /webgpu cannot run here: .*adapter.*Let something else compute/)
      await visitor.button('Use wasm instead').click()
      await visitor.ready()
      assert.match(await visitor.fact('Runs'), /^simd/)
    },
    { url: `${explorer.url}#backend=gpujs:webgpu`, expected: /WebGPU/ },
  ))

test('a browser without Float16Array, as most were before 2025: the same numbers', () =>
  explorer.visit(
    async (visitor) => {
      await visitor.ready()
      const file = await visitor.exported()
      assert.is(file.text, TEXT)
      await explorer.visit(
        async (other) => {
          await other.ready()
          assert.equal((await other.exported()).next_token, file.next_token)
        },
        { url: `${explorer.url}#text=${encodeURIComponent(TEXT)}` },
      )
    },
    {
      url: `${explorer.url}#text=${encodeURIComponent(TEXT)}`,
      prepare: async (page, context) => {
        await page.addInitScript(() => Reflect.deleteProperty(globalThis, 'Float16Array'))
        await intercept(context, WORKER, before(`Reflect.deleteProperty(globalThis, 'Float16Array')`))
      },
    },
  ))

test('too long a text: how many tokens it has and how many it may have; the former result stays; a shorter one is read', () =>
  explorer.visit(async (visitor) => {
    const { page } = visitor
    await visitor.ready()
    await visitor.write(TEXT)
    const shown = await page.locator('[data-token]').allInnerTexts()
    await page.locator('#text').fill('word '.repeat(600))
    const said = await complaint(visitor)
    const [, has, most] = /The text has (\d+) tokens; the model reads at most (\d+)/.exec(said) ?? []
    assert.ok(Number(has) > Number(most) && Number(most) > 100, said)
    assert.match(said, /Shorten it/)
    assert.is(await visitor.button('Try again').count(), 0)
    assert.equal(await page.locator('[data-token]').allInnerTexts(), shown)
    assert.match(said, /The last text that was read is still shown below/)
    await page.waitForTimeout(500) // address and dimming follow with a delay
    assert.is(await page.locator('.results').evaluate((results) => getComputedStyle(results).opacity), '1')
    assert.is(new URLSearchParams(new URL(page.url()).hash.slice(1)).get('text'), TEXT)
    await page.locator('#text').fill('x'.repeat(20_000))
    await page
      .getByText(/more than \d+ tokens|has \d+ tokens/)
      .first()
      .waitFor()
    await visitor.write('one two three four')
    assert.is(await page.locator('.notice.failure').count(), 0)
    assert.is(await page.locator('[data-token]').count(), 5)
  }))

test('a card whose file is missing says so; the reading stays, and the card comes once the file is there', async () => {
  let mend = (): Promise<void> => Promise.reject(new Error('nothing to mend'))
  await explorer.visit(
    async (visitor) => {
      const { page } = visitor
      await visitor.ready()
      await page.locator('button.bar').first().click()
      const panel = page.locator('section.panel')
      await panel.locator('.notice').waitFor()
      assert.match(await panel.locator('.notice').innerText(), /texts\.\w+\.json: the server answered 404/)
      assert.is(await visitor.data('state'), 'ready')
      await mend()
      await panel.getByRole('button', { name: /Close/ }).click()
      await page.locator('button.bar').first().click()
      await panel.locator('.findings').waitFor()
    },
    {
      prepare: async (_, context) =>
        void (mend = await intercept(context, /\/files\/texts\./, (route) =>
          route.fulfill({ status: 404, body: 'not here' }),
        )),
      expected: /Failed to load resource/,
    },
  )
})

test('hostile text is shown and never run, from the keyboard and from a link', () =>
  explorer.visit(async (visitor) => {
    const hostile =
      '<script>alert(1)</script><img src=x onerror=alert(2)> \u0000\u0007\u202e</textarea> &amp;'
    const { page } = visitor
    await visitor.ready()
    for (const act of [
      () => page.locator('#text').fill(hostile),
      () => page.evaluate((text) => (location.hash = `text=${encodeURIComponent(`${text}!`)}`), hostile),
    ]) {
      await visitor.rerun(act)
      const { text, tokens } = await visitor.exported()
      assert.ok(text.startsWith('<script>alert(1)</script><img src=x onerror=alert(2)>'), text)
      assert.is(tokens.map(({ piece }) => piece).join(''), `<|endoftext|>${text}`)
      assert.is(await page.locator('#explorer img, #explorer script').count(), 0)
      const chips = (await page.locator('[data-token]').allInnerTexts()).join('')
      assert.match(chips, /script>alert/)
      const control = Array.from(chips).filter((character) => /[\p{Cc}\p{Cf}]/u.test(character))
      assert.equal(control, [])
    }
  }))

test.run()
