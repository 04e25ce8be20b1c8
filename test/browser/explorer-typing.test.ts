// Someone at the Explorer: types, follows links, and gets everywhere without a mouse.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startExplorer, type Visitor } from './explorer-site.ts'

const explorer = await startExplorer()
const test = suite('using the Explorer')
test.after(() => explorer.close())

/** What the workers answered, kept in the page by id, and a way to say it all once more. */
function keepAnswers(): void {
  const kept: { worker: Worker; data: { type: string; id?: number } }[] = []
  Object.assign(globalThis, { kept })
  const Real = Worker
  globalThis.Worker = class extends Real {
    constructor(...options: ConstructorParameters<typeof Worker>) {
      super(...options)
      this.addEventListener('message', (event: MessageEvent<{ type: string; id?: number }>) => {
        if (event.isTrusted) kept.push({ worker: this, data: event.data })
      })
    }
  }
}

type Kept = { kept: { worker: Worker; data: { type: string; id?: number } }[] }

/** The parts of each run that its worker sent: `layer layer ... run`, by id. */
async function partsById({ page }: Visitor): Promise<Map<number, string[]>> {
  const parts = await page.evaluate(() =>
    (globalThis as unknown as Kept).kept.map(({ data: { type, id } }) => [id ?? -1, type] as const),
  )
  const byId = new Map<number, string[]>()
  for (const [id, type] of parts) if (id >= 0) byId.set(id, [...(byId.get(id) ?? []), type])
  return byId
}

const chips = ({ page }: Visitor) => page.locator('[data-token]').allInnerTexts()

test('typing fast: the last text wins, and no older one is shown after a newer', () =>
  explorer.visit(async (visitor) => {
    const { page } = visitor
    await visitor.ready()
    await visitor.write('a')
    await page.evaluate(() => {
      const root = document.getElementById('explorer')!
      const seen: string[] = []
      Object.assign(globalThis, { seen })
      const look = () =>
        seen.push([...root.querySelectorAll('[data-token]')].map((c) => c.textContent).join(''))
      new MutationObserver(look).observe(root, { childList: true, subtree: true, characterData: true })
    })
    await page.locator('#text').focus()
    await page.keyboard.press('End')
    const typed = ' quick brown fox jumps over the lazy dog'
    await visitor.rerun(() => page.keyboard.type(typed))
    await page.getByText('dog', { exact: true }).first().waitFor()
    await visitor.ready()
    const { text, tokens } = await visitor.exported()
    assert.is(text, `a${typed}`)
    assert.is(tokens.map(({ piece }) => piece).join(''), `<|endoftext|>a${typed}`)
    const seen = await page.evaluate(() => (globalThis as unknown as { seen: string[] }).seen)
    const lengths = seen.map((shown) => shown.length)
    assert.equal(
      lengths,
      lengths.toSorted((a, b) => a - b),
    )
  }))

test('a run that is no longer wanted is given up in the middle; the former result stays until the new one is whole', () =>
  explorer.visit(
    async (visitor) => {
      const { page } = visitor
      await visitor.ready()
      const shown = await chips(visitor)
      await page.locator('#text').fill('many words '.repeat(40)) // a second or more on the reference backend
      await page.locator('#explorer[data-state="running"]').waitFor()
      await page.getByText(/Layer \d of \d …/).waitFor()
      assert.equal(await chips(visitor), shown)
      await visitor.write('two words')
      assert.is((await chips(visitor)).slice(1).join(''), 'two words')
      const parts = [...(await partsById(visitor)).values()]
      assert.equal(
        parts.map((types) => types.includes('run')),
        [true, false, true],
        JSON.stringify(parts),
      )
      assert.ok(parts[1].filter((type) => type === 'layer').length < 6)
    },
    {
      url: `${explorer.url}#backend=reference&text=one`,
      prepare: async (page) => void (await page.addInitScript(keepAnswers)),
    },
  ))

test('an older answer that comes late is not shown', () =>
  explorer.visit(
    async (visitor) => {
      const { page } = visitor
      await visitor.ready()
      await visitor.write('the older text')
      await visitor.write('new')
      const [shown, id] = [await chips(visitor), await visitor.data('run-id')]
      await page.evaluate(() => {
        const { kept } = globalThis as unknown as Kept
        const newest = Math.max(...kept.map(({ data }) => data.id ?? 0))
        for (const { worker, data } of [...kept])
          if (data.id !== undefined && data.id < newest)
            worker.dispatchEvent(new MessageEvent('message', { data }))
      })
      await page.waitForTimeout(300)
      assert.equal(await chips(visitor), shown)
      assert.is((await visitor.exported()).text, 'new')
      assert.is(await visitor.data('run-id'), id)
    },
    { prepare: async (page) => void (await page.addInitScript(keepAnswers)) },
  ))

test('a link opens the same page: text, token, head, layers, card, edit', async () => {
  let link = ''
  let file: unknown
  const seen = async (visitor: Visitor) => {
    const { page } = visitor
    await page.locator('section.panel .findings').waitFor()
    const { milliseconds: _, layers, ...rest } = await visitor.exported()
    return {
      file: { ...rest, layers: layers.map(({ milliseconds: _, ...layer }) => layer) },
      token: await page.locator('[data-token][aria-selected="true"]').getAttribute('data-token'),
      pressed: await page
        .locator('[aria-pressed="true"]')
        .evaluateAll((all) =>
          all.map((button) => button.getAttribute('aria-label') ?? button.textContent?.trim()),
        ),
      compared: await page
        .locator('.choosers select')
        .evaluateAll((all) => (all as HTMLSelectElement[]).map(({ value }) => value)),
    }
  }
  await explorer.visit(
    async (visitor) => {
      const { page } = visitor
      await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
      await visitor.ready()
      await visitor.write('x = [i ** 2 for i in range(10)]  # ünïcode & 100% +')
      await page.locator('[data-token="4"]').click()
      await page.locator('button.head').nth(9).click()
      await page.getByLabel('Compare').selectOption('2')
      await page.locator('button.bar[data-layer="3"]').nth(1).click()
      await visitor.rerun(() => visitor.button('Turn it up').click())
      file = await seen(visitor)
      await visitor.button('Copy link').click()
      await page.getByText('The link is copied.').waitFor()
      link = await page.evaluate(() => navigator.clipboard.readText())
      await page.waitForTimeout(500)
      assert.is(link, page.url())
    },
    { url: `${explorer.url}#backend=reference` },
  )
  await explorer.visit(
    async (visitor) => {
      await visitor.ready()
      assert.equal(await seen(visitor), file)
    },
    { url: link },
  )
})

test('a hash that means nothing is the page as it begins; what was not understood, or is not there, is named', () =>
  explorer.visit(async (visitor) => {
    await visitor.ready()
    const { text } = await visitor.exported()
    const hashes: [hash: string, named: RegExp][] = [
      ['%E0%A4%A', /left out of the link.*A=/i],
      ['__proto__=1&constructor=2&text', /__proto__=1 constructor=2$/],
      [
        'backend=nope&token=-1&head=99-99&compare=77-1&feature=99-99999&edit=off-9-9',
        /backend=nope token=-1 head=99-99 compare=77-1 feature=99-99999 edit=off-9-9$/,
      ],
      [
        'edit=up-1-2-1e9&feature=1-2-3&token=1.5&compare=1',
        /edit=up-1-2-1e9 feature=1-2-3 token=1\.5 compare=1$/,
      ],
      ['\u0000'.repeat(3) + 'é%'.repeat(2000), /…$/],
    ]
    for (const [hash, named] of hashes)
      await explorer.visit(
        async (other) => {
          await other.ready()
          const notices = await other.page.locator('.notice').allInnerTexts()
          assert.is(notices.length, 1)
          assert.match(notices[0].replace(/\s+/g, ' '), named)
          assert.ok(notices[0].length < 500)
          assert.is(await other.page.locator('section.panel').count(), 0)
          const file = await other.exported()
          if (!hash.includes('&text')) assert.is(file.text, text)
          assert.is(file.backend, 'wasm')
          assert.is(file.edit, null)
          await other.page.locator('[data-token="0"]').click()
          assert.is(await other.page.locator('.notice').count(), 0)
        },
        { url: `${explorer.url}#${hash}` },
      )
  }))

test('Back undoes a click, and Forward does it again; typing and arrow keys are no steps of their own', () =>
  explorer.visit(async (visitor) => {
    const { page } = visitor
    const chosen = () =>
      page.locator('[role="option"][aria-selected="true"]').getAttribute('data-token').then(Number)
    const panel = page.locator('section.panel h2#card')
    await visitor.ready()
    await visitor.write('one two three four five six')
    await page.locator('[data-token="2"]').click()
    await page.getByRole('listbox').press('ArrowRight')
    await page.getByRole('listbox').press('ArrowRight')
    assert.is(await chosen(), 4)
    await page.locator('button.bar[data-layer="3"]').first().click()
    const card = await panel.textContent()
    await visitor.rerun(() => visitor.button('Turn it off').click())
    await visitor.rerun(() => page.goBack())
    assert.is((await visitor.exported()).edit, null)
    assert.is(await panel.textContent(), card)
    await page.goBack()
    await panel.waitFor({ state: 'detached' })
    assert.is(await chosen(), 4)
    await page.goBack()
    await page.locator('[data-token="6"][aria-selected="true"]').waitFor()
    assert.is(await page.locator('#text').inputValue(), 'one two three four five six')
    await page.goForward()
    await page.goForward()
    assert.is(await panel.textContent(), card)
    await visitor.rerun(() => page.goForward())
    assert.is((await visitor.exported()).edit?.changes[0].kind, 'off')
  }))

/** Where Tab leads, from the top of the page until it leaves: what it is, and whether one sees that it has the focus. */
async function tabStops({ page }: Visitor): Promise<{ what: string; visible: boolean }[]> {
  const stops: { what: string; visible: boolean }[] = []
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur())
  for (;;) {
    await page.keyboard.press('Tab')
    const stop = await page.evaluate(() => {
      const element = document.activeElement
      if (element === null || element === document.body) return null
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element)
      const kind = `${element.tagName.toLowerCase()}.${element.className}#${element.id}`
      const name = element.getAttribute('aria-label') ?? element.textContent?.trim().slice(0, 40)
      return {
        what: `${kind} ${name}`,
        visible: (outlineStyle !== 'none' && outlineWidth !== '0px') || boxShadow !== 'none',
      }
    })
    if (stop === null || stops.length > 400) return stops
    stops.push(stop)
  }
}

test('by keyboard alone: everything can be reached, and is seen to have the focus', () =>
  explorer.visit(async (visitor) => {
    await visitor.ready()
    await visitor.page.locator('#library').scrollIntoViewIfNeeded()
    await visitor.page.getByText(/^Features 1 to 20 of/).waitFor()
    const stops = await tabStops(visitor)
    const wanted = [
      /^textarea/,
      /Python/,
      /^select.*#backend/,
      /^div\.chips/,
      /^button\.bar/,
      /^button\.head/,
      /^div\.scroll/,
      /^summary.*How is this computed/,
      /^select\.#/,
      /Copy link/,
      /Download as JSON/,
    ]
    for (const pattern of wanted)
      assert.ok(
        stops.some(({ what }) => pattern.test(what)),
        `nothing like ${pattern} among ${stops.map(({ what }) => what).join('; ')}`,
      )
    assert.equal(
      stops.filter(({ visible }) => !visible).map(({ what }) => what),
      [],
    )
    const clickable = await visitor.page
      .locator('button:enabled:visible, select:enabled:visible, summary:visible')
      .count()
    const reached = stops.filter(({ what }) => /^(button|select|summary)/.test(what)).length
    assert.is(reached, clickable)
  }))

test('by keyboard alone: tokens, a card, an edit, and back', () =>
  explorer.visit(async (visitor) => {
    const { page } = visitor
    const press = (key: string) => page.keyboard.press(key)
    const focused = () => page.evaluate(() => document.activeElement?.id ?? '')
    await visitor.ready()
    await page.getByRole('listbox').focus()
    await press('Home')
    for (let i = 0; i < 3; i++) await press('ArrowRight')
    const chosen = page.locator('[role="option"][aria-selected="true"]')
    assert.is(await chosen.getAttribute('data-token'), '3')
    assert.is(await page.getByRole('listbox').getAttribute('aria-activedescendant'), 'token-3')
    const feature = page.locator('button.bar[data-layer="2"]').first()
    await feature.focus()
    await press('Enter')
    await page.locator('section.panel .findings').waitFor()
    assert.is(await focused(), 'card')
    while (!(await page.evaluate(() => document.activeElement?.textContent?.includes('Turn it up'))))
      await press('Tab')
    await visitor.rerun(() => press('Space'))
    await page.getByRole('slider', { name: 'By how much' }).focus()
    const strength = Number(await page.getByRole('slider', { name: 'By how much' }).inputValue())
    await visitor.rerun(() => press('ArrowLeft'))
    assert.ok(Number(await page.getByRole('slider', { name: 'By how much' }).inputValue()) < strength)
    assert.is((await visitor.exported()).edit?.changes[0].kind, 'up')
    await page.getByRole('slider', { name: 'By how much' }).focus()
    await press('Escape')
    assert.is(await page.locator('section.panel').count(), 0)
    assert.is(await feature.evaluate((button) => button === document.activeElement), true)
    const summary = page.locator('.computed summary').first()
    await summary.focus()
    await press('Enter')
    assert.ok(await page.locator('pre').first().isVisible())
  }))

test('the page has a help, and each shown piece of source leads to its whole file', () =>
  explorer.visit(async (visitor) => {
    const { page } = visitor
    await visitor.ready()
    await page.getByText('Help', { exact: true }).click()
    await page.getByText('Back in the browser undoes a click').waitFor()
    const links = await page
      .locator('.computed a')
      .evaluateAll((all) =>
        (all as HTMLAnchorElement[]).map(({ href, textContent }) => ({ href, name: textContent })),
      )
    assert.ok(links.length > 10)
    for (const { href, name } of links) {
      const answer = await page.request.get(href)
      assert.is(answer.status(), 200, href)
      assert.is(answer.headers()['content-type'], 'text/plain; charset=utf-8')
      assert.is(await answer.text(), await readFile(join(import.meta.dirname, '../..', name), 'utf8'))
    }
  }))

test('who wants less motion gets none', () =>
  explorer.visit(
    async (visitor) => {
      await visitor.ready()
      await visitor.page.locator('button.bar').first().click()
      await visitor.page.locator('section.panel .findings').waitFor()
      const moving = await visitor.page.evaluate(() => {
        const durations = [...document.querySelectorAll('*')].flatMap((element) => {
          const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(element)
          const moves =
            /[1-9]/.test(transitionDuration) || animationName !== 'none' || scrollBehavior === 'smooth'
          return moves ? [`${element.tagName}.${element.className}`] : []
        })
        return [...durations, ...document.getAnimations().map(() => 'an animation')]
      })
      assert.equal(moving, [])
    },
    { reducedMotion: 'reduce' },
  ))

test.run()
