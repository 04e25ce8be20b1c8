// The Explorer's toy of superposition: it learns in sight and nowhere else, the slider decides what it keeps, the command's numbers.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { runScript } from '../helpers/cli.ts'
import { startExplorer, type Visitor } from './explorer-site.ts'
import { seriousFindings } from './page-checks.ts'

const explorer = await startExplorer()
const test = suite('the Explorer’s superposition')
test.after(() => explorer.close())

const section = ({ page }: Pick<Visitor, 'page'>) => page.locator('section[aria-labelledby="superposition"]')
const button = (visitor: Visitor, name: string) => section(visitor).getByRole('button', { name, exact: true })
const seen = (visitor: Visitor) => section(visitor).locator('.seen')
/** Arrows with a head: the others are too short to have one. */
const heads = (visitor: Visitor) => section(visitor).locator('.arrows:not(.small) polygon').count()

/** How many steps the toy has taken. */
async function steps(visitor: Visitor): Promise<number> {
  const said = (await section(visitor).getByText('from start').textContent())!.trim()
  return Number(/^Step ([\d,]+) of 2,000/.exec(said)![1].replace(',', ''))
}

/** Goes there: what is above is only laid out on the way, so the way may become longer. */
async function goThere({ page }: Visitor): Promise<void> {
  const title = page.locator('#superposition')
  await title.waitFor()
  await page.waitForFunction(() => {
    const title = document.getElementById('superposition')!
    title.scrollIntoView()
    return Math.abs(title.getBoundingClientRect().top) < innerHeight / 2
  })
}

/** Waits until the toy has learned. */
async function learned(visitor: Visitor): Promise<void> {
  await button(visitor, 'Train again').waitFor()
}

/** Moves the slider to its first or last stop, and waits until the toy has learned again. */
async function slide(visitor: Visitor, key: 'Home' | 'End'): Promise<void> {
  await section(visitor).getByRole('slider').press(key)
  await learned(visitor)
}

test('two arrows at right angles while all are always there; the rarest are five, as a pentagon; and back', () =>
  explorer.visit(async (visitor) => {
    await visitor.ready()
    await goThere(visitor)
    await learned(visitor)
    assert.is(await heads(visitor), 2)
    assert.match(
      await seen(visitor).innerText(),
      /^Two features are kept, at right angles .*nothing is gained\.$/,
    )
    await slide(visitor, 'End')
    assert.is(await heads(visitor), 5)
    assert.match(
      await seen(visitor).innerText(),
      /^All five features are kept, as a pentagon.*the loss is 8\d % lower\.$/,
    )
    assert.match(
      (await section(visitor).getByRole('slider').getAttribute('aria-valuetext'))!,
      /^3 % of the time/,
    )
    await visitor.page.waitForFunction(() => location.hash.endsWith('&toy=0.03-0.9-0'))
    await slide(visitor, 'Home')
    assert.is(await heads(visitor), 2)
  }))

test('its numbers are those of the command', () =>
  explorer.visit(
    async (visitor) => {
      await visitor.ready()
      await goThere(visitor)
      await learned(visitor)
      const { stdout } = runScript('experiments/superposition/main.ts', [
        ...['--json', '--present', '0.1', '--decay', '0.7', '--seeds', '5'],
      ])
      const [toy] = (
        JSON.parse(stdout) as { toys: { loss: number; two_kept_loss: number; reads: number[][] }[] }
      ).toys
      const said = await seen(visitor).innerText()
      assert.ok(said.includes(`The loss is ${toy.loss.toPrecision(3)};`), said)
      assert.ok(said.includes(`it would be ${toy.two_kept_loss.toPrecision(3)}:`), said)
      const cells = await section(visitor).locator('.reads td').allInnerTexts()
      assert.equal(
        cells.map((cell) => Number(cell.replace('−', '-'))),
        toy.reads.flat().map((value) => Number(value.toFixed(2))),
      )
    },
    { url: `${explorer.url}#toy=0.1-0.7-5` },
  ))

test('stopped and gone on by keyboard; out of sight it rests; another beginning; the small pictures choose; Back', () =>
  explorer.visit(async (visitor) => {
    const { page } = visitor
    await visitor.ready()
    assert.is(await steps(visitor), 0)
    await goThere(visitor)
    const stop = button(visitor, 'Stop')
    await page.waitForFunction(() => /Step [1-9]/.test(document.querySelector('.toy')?.textContent ?? ''))
    await stop.press('Enter')
    await button(visitor, 'Go on').waitFor()
    const stopped = await steps(visitor)
    assert.ok(stopped < 2000)
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 200)))
    assert.is(await steps(visitor), stopped)
    await page.keyboard.press('Enter') // the button has kept the focus
    await page.waitForFunction(
      (before) => !document.querySelector('.toy')?.textContent?.includes(`Step ${before} of`),
      stopped.toLocaleString('en'),
    )
    await page.evaluate(() => scrollTo(0, 0))
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 300)))
    const away = await steps(visitor)
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 300)))
    assert.is(await steps(visitor), away)
    assert.ok(away < 2000, `${away} steps: it had learned before it was out of sight`)
    await goThere(visitor)
    await learned(visitor)
    await section(visitor).getByText('Train from another start').click()
    await section(visitor).getByText('from start 1').waitFor()
    await learned(visitor)
    await section(visitor)
      .getByRole('button', { name: /^Present 5 % ?, 5 kept$/ })
      .click()
    await learned(visitor)
    assert.is(await heads(visitor), 5)
    await page.goBack()
    await page.waitForFunction(() => location.hash.includes('toy=1-0.9-1'))
    await learned(visitor)
    assert.is(await heads(visitor), 2)
  }))

test('who asked for less motion sees the beginning, then the end, and nothing between', () =>
  explorer.visit(
    async (visitor) => {
      await visitor.ready()
      await visitor.page.evaluate(() => {
        const shown = new Set<string>()
        Object.assign(globalThis, { shown })
        const look = (): void => {
          const text = document.querySelector('.toy')?.textContent ?? ''
          const [step] = /Step [\d,]+/.exec(text) ?? []
          if (step) shown.add(step)
          requestAnimationFrame(look)
        }
        look()
      })
      await goThere(visitor)
      await learned(visitor)
      const shown = await visitor.page.evaluate(() => [
        ...(globalThis as unknown as { shown: Set<string> }).shown,
      ])
      assert.equal(shown, ['Step 0', 'Step 2,000'])
    },
    { reducedMotion: 'reduce' },
  ))

for (const scheme of ['light', 'dark'] as const)
  test(`on a phone it is folded and rests; opened, axe finds nothing serious, and nothing sticks out: ${scheme}`, () =>
    explorer.visit(
      async (visitor) => {
        const { page } = visitor
        await visitor.ready()
        await goThere(visitor)
        assert.is(await page.locator('.toy').count(), 0)
        await page.locator('#superposition .fold').press('Enter')
        await learned(visitor)
        await section(visitor).locator('.toy-strip svg').nth(7).waitFor()
        assert.is(await page.evaluate(() => document.documentElement.scrollWidth), 390)
        const table = section(visitor).locator('.reads .scroll')
        assert.ok(await table.evaluate(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth))
        assert.equal(await seriousFindings(page), [])
      },
      { width: 390, scheme, url: `${explorer.url}#toy=0.05-0.9-0` },
    ))

test.run()
