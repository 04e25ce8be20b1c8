// "Why this token?", the logit lens as a grid, the large attention map and neurons' cards, as people use them.
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { AttributionResults } from '../../experiments/attribution/results.ts'
import { runScript } from '../helpers/cli.ts'
import { startExplorer, type Visitor } from './explorer-site.ts'
import { seriousFindings } from './page-checks.ts'

const TEXT = 'for i in range(10):'
const scratch = await mkdtemp(join(tmpdir(), 'clearbox-explorer-why-'))
const { stdout, stderr, status } = runScript('experiments/attribution/main.ts', [
  ...['--text', 'for i in', '--target', ' range', '--steps', '1', '--json', '--out', scratch],
])
rmSync(scratch, { recursive: true })
assert.is(status, 0, stderr)
const truth = JSON.parse(stdout) as AttributionResults

const explorer = await startExplorer()
const test = suite('the Explorer: why this token')
test.after(() => explorer.close())

const link = (rest: string) => `${explorer.url}#text=${encodeURIComponent(TEXT)}&${rest}`
const RANGE = 'token=3&why=text-%2520range%2C'

/** The rows of a list: what they are, their direct effect, and what is lost without them. */
const effects = (page: Page, list: string) =>
  page
    .getByRole('list', { name: list, exact: true })
    .locator('button')
    .evaluateAll((all) =>
      (all as HTMLElement[]).map(({ dataset }) => ({
        part: dataset.part ?? '',
        effect: Number(dataset.effect),
        loss: dataset.loss === undefined ? null : Number(dataset.loss),
      })),
    )

/** Of a feature in the command's results. */
function featureOf(part: string) {
  const [, feature, layer] = /^feature (\d+) of layer (\d+)$/.exec(part)!.map(Number)
  return truth.features.find((row) => row.hook.startsWith(`blocks.${layer}.`) && row.feature === feature)!
}

const near = (found: number, expected: number, what: string) =>
  assert.ok(Math.abs(found - expected) < 1e-3, `${what}: ${found}, expected ${expected}`)

async function ablated(visitor: Visitor): Promise<void> {
  await visitor.button('By ablation').click()
  await visitor.page.getByText('36 parts taken out, one at a time.').waitFor()
}

test('the numbers are those of npm run attribute: parts, heads, features, and ablation', () =>
  explorer.visit(
    async (visitor) => {
      const { page } = visitor
      await page.getByText(/The logit of “·range” after “·in” is \+[\d.]+\. The parts add up/).waitFor()
      const shown = await page
        .getByRole('list', { name: 'Parts of the logit' })
        .locator('b')
        .allTextContents()
      const numbers = shown.map((text) => Number(text.replace('−', '-')))
      for (const [i, number] of numbers.slice(0, -1).entries())
        near(number, truth.parts[i].share, `part ${i}`)
      near(numbers.at(-1)!, truth.sum, 'together')
      for (const { part, effect } of await effects(page, 'Heads')) {
        const [, head, layer] = /head (\d+) of layer (\d+)/.exec(part)!.map(Number)
        near(effect, truth.heads.find((one) => one.layer === layer && one.head === head)!.share, part)
      }
      for (const { part, effect } of await effects(page, 'Features'))
        near(effect, featureOf(part).direct, part)
      const byEffect = (await effects(page, 'Features')).map(({ effect }) => Math.abs(effect))
      assert.equal(
        byEffect,
        byEffect.toSorted((a, b) => b - a),
      )
      await visitor.button('By activation').click()
      const strengths = (await effects(page, 'Features')).map(({ part }) => featureOf(part).activation)
      assert.equal(
        strengths,
        strengths.toSorted((a, b) => b - a),
      )
      await ablated(visitor)
      const tried = await effects(page, 'Features')
      for (const { part, loss } of tried) near(loss!, featureOf(part).ablation!, part)
      const losses = tried.map(({ loss }) => Math.abs(loss!))
      assert.equal(
        losses,
        losses.toSorted((a, b) => b - a),
      )
    },
    { url: link(RANGE) },
  ))

test('a feature opens its card, a head its map, a neuron its card; the next change ends what was taken out', () =>
  explorer.visit(
    async (visitor) => {
      const { page } = visitor
      await ablated(visitor)
      const [head] = await effects(page, 'Heads')
      await page.locator(`[data-part="${head.part}"]`).click()
      const [, number, layer] = /head (\d+) of layer (\d+)/.exec(head.part)!
      await page.getByText(`Layer ${layer}, head ${number}.`).waitFor()
      assert.is(await page.evaluate(() => document.activeElement?.id), 'pattern')
      const [neuron] = await effects(page, 'Neurons')
      await page.locator(`[data-part="${neuron.part}"]`).click()
      const [, of, at] = /neuron (\d+) of layer (\d+)/.exec(neuron.part)!
      await page.getByRole('heading', { name: `Layer ${at}, neuron ${of}`, exact: true }).waitFor()
      const [feature] = await effects(page, 'Features')
      await page.locator(`[data-part="${feature.part}"]`).click()
      await page.locator('section.panel .findings').waitFor()
      // another token: another explanation, of which nothing is taken out yet
      await page.locator('[data-token="4"]').click()
      await page.getByText(/The logit of “·range” after “·range” is/).waitFor()
      assert.ok((await effects(page, 'Heads')).every(({ loss }) => loss === null))
    },
    { url: link(RANGE) },
  ))

test('what is no token is said in the section, and another choice mends it', () =>
  explorer.visit(async (visitor) => {
    const { page } = visitor
    await visitor.ready()
    const section = page.locator('section[aria-labelledby="why"]')
    await section.getByRole('button', { name: /Explain the token/ }).click()
    await section.getByText('The parts add up').waitFor()
    const typed = section.locator('input[name="target"]')
    await typed.fill(' range of')
    await typed.press('Enter')
    const notice = section.getByRole('alert')
    await notice.waitFor()
    assert.match(
      await notice.innerText(),
      /“ range of” is 2 tokens: “ range” “ of”; the question is about one/,
    )
    assert.is(await visitor.data('state'), 'ready')
    await typed.fill(' range')
    await typed.press('Enter')
    await section.getByText('The logit of “·range”').waitFor()
    await section.locator('select').nth(1).selectOption({ index: 1 })
    await section.getByText('How far the logit of “·range” is above that of').waitFor()
    await section.locator('input[name="against"]').fill(' range')
    await section.locator('input[name="against"]').press('Enter')
    await section.getByText('Both tokens are " range": their logits differ by 0.').waitFor()
    await section.getByRole('button', { name: /Close/ }).click()
    await section.getByRole('button', { name: /Explain the token/ }).waitFor()
  }))

test('a shorter text is explained after a longer one, and what is changed in the model is left out', () =>
  explorer.visit(
    async (visitor) => {
      const { page } = visitor
      const section = page.locator('section[aria-labelledby="why"]')
      await section.getByText(/after “\S*:” is/).waitFor()
      await section.getByText('This is the model as it is, without your changes to it.').waitFor()
      await visitor.write('for')
      await section.getByText('after “for” is').waitFor()
      await visitor.write(TEXT)
      await section.getByText(/after “\S*:” is/).waitFor()
    },
    { url: link('why=%2C&edit=off-3-4') },
  ))

test('by keyboard alone: the lens’ grid and the attention map are read and chosen from', () =>
  explorer.visit(
    async ({ page, ...visitor }) => {
      const press = (key: string) => page.keyboard.press(key)
      const selected = page.locator('[role="option"][aria-selected="true"]')
      await page.locator('#explorer[data-state="ready"]').waitFor()
      assert.ok(visitor.requests.length > 0)
      await page.locator('.lens-grid').scrollIntoViewIfNeeded()
      const cell = page.locator('[role="gridcell"][tabindex="0"]')
      await cell.focus()
      for (const key of ['Home', 'ArrowRight', 'ArrowRight', 'ArrowUp']) await press(key)
      await page.getByText(/^After layer 4, at “·i” \(2\): “/).waitFor()
      assert.is(await page.evaluate(() => document.activeElement?.getAttribute('data-position')), '2')
      await press('Enter')
      assert.is(await selected.getAttribute('data-token'), '2')
      await page.locator('#pattern').focus()
      await press('End')
      for (const key of ['ArrowDown', 'ArrowDown', 'Home']) await press(key)
      await page.getByText(/^“·range” gives [\d.]+ % to BOS\.$/).waitFor()
      for (let i = 0; i < 6; i++) await press('ArrowRight')
      await page.getByText('“·range” cannot look ahead.').waitFor()
      await press('Enter')
      assert.is(await selected.getAttribute('data-token'), '4')
    },
    { url: link('') },
  ))

test('by keyboard alone: who opens and closes the explanation keeps a place on the page', () =>
  explorer.visit(async (visitor) => {
    const { page } = visitor
    await visitor.ready()
    await visitor.button(/^Explain the token after/).press('Enter')
    await page.locator('.why-choice select:focus').first().waitFor()
    await visitor.button('Close the explanation').press('Enter')
    await visitor
      .button(/^Explain the token after/)
      .and(page.locator(':focus'))
      .waitFor()
    await visitor.rerun(() => visitor.button('Turn this head off').click())
    await visitor.rerun(() => page.locator('.editing button').press('Enter'))
    await page.locator('.chips:focus').waitFor()
  }))

test('a neuron’s card: opened by keyboard, it turns the neuron off; Escape leads back', () =>
  explorer.visit(async (visitor) => {
    const { page } = visitor
    await visitor.ready()
    const neuron = page.locator('button.bar[data-neuron]').first()
    await neuron.focus()
    await page.keyboard.press('Enter')
    const card = page.locator('#neuron')
    await card.waitFor()
    await page.getByText('How active is it at each token?').waitFor()
    assert.is(await page.evaluate(() => document.activeElement?.id), 'neuron')
    const [value] = await page
      .locator('.neuron-tokens small')
      .allInnerTexts()
      .then((all) => all.slice(-1))
    assert.is(value, await neuron.locator('b').innerText())
    await visitor.rerun(() => visitor.button('Turn this neuron off').click())
    const number = Number(await neuron.getAttribute('data-neuron'))
    assert.equal((await visitor.exported()).edit?.changes, [
      { hook: 'blocks.0.mlp.hook_post', kind: 'neuron', layer: 0, neuron: number },
    ])
    await visitor.button('Turn this neuron off').press('Escape')
    await card.waitFor({ state: 'detached' })
    assert.ok(await neuron.evaluate((button) => button === document.activeElement))
  }))

test('a feature scaled where it fires: by 1 it changes nothing, by 0 as much as turned off, by more, more', () =>
  explorer.visit(
    async (visitor) => {
      const { page } = visitor
      await visitor.ready()
      const [{ feature }] = (await visitor.features()).filter(({ layer }) => layer === 3)
      const kl: Record<string, number> = {}
      for (const edit of [
        `scale-3-${feature}-1`,
        `scale-3-${feature}-0`,
        `off-3-${feature}`,
        `scale-3-${feature}-4`,
      ]) {
        await visitor.rerun(() =>
          page.evaluate((hash) => (location.hash = hash), `text=${TEXT}&edit=${edit}`),
        )
        kl[edit.replace(`3-${feature}`, '')] = Math.max(...(await visitor.exported()).edit!.kl_nats)
      }
      assert.is(kl['scale--1'], 0)
      assert.ok(kl['off-'] > 1e-4 && kl['scale--4'] > 1e-3, JSON.stringify(kl))
      assert.is(kl['scale--0'], kl['off-'])
      await page.locator(`button.bar[data-layer="3"][data-feature="${feature}"]`).click()
      await visitor.rerun(() => page.getByRole('slider', { name: 'How many times' }).press('ArrowRight'))
      await page.getByText(`Feature ${feature} of layer 3 is scaled by 4.10:`).waitFor()
    },
    { url: link('') },
  ))

for (const width of [1280, 390])
  for (const scheme of ['light', 'dark'] as const)
    test(`axe finds nothing serious, nothing is cut off: ${width} px, ${scheme}`, () =>
      explorer.visit(
        async (visitor) => {
          const { page } = visitor
          await visitor.ready()
          await page.evaluate(() => {
            for (const title of document.querySelectorAll<HTMLElement>('.fold[aria-expanded="false"]'))
              title.click()
          })
          await page.getByText('The parts add up').waitFor()
          await page.getByText('How active is it at each token?').waitFor()
          await ablated(visitor)
          await page.setViewportSize({
            width,
            height: await page.evaluate(() => document.documentElement.scrollHeight),
          })
          await page.locator('[role="gridcell"]').first().waitFor()
          await page.locator('#pattern').focus()
          assert.is(await page.evaluate(() => document.documentElement.scrollWidth), width)
          const cut = await page
            .locator('.results > section')
            .evaluateAll((all) => all.filter((one) => one.scrollWidth > one.clientWidth).map(({ id }) => id))
          assert.equal(cut, [])
          assert.equal(await seriousFindings(page), [])
        },
        { url: link(`${RANGE}&neuron=2-7`), width, scheme },
      ))

test.run()
