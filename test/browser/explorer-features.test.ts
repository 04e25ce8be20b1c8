// The Explorer's numbers: those of the command line for the same text, on the page and in the file that it gives.
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createBackend } from '../../engine/backends.ts'
import { decoderRows } from '../../sae/decoder.ts'
import { addDirection, removal } from '../../sae/edit.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import { loadTexts } from '../../experiments/lab/texts/texts-node.ts'
import type { FeatureDashboard } from '../../experiments/lab/analysis/features/feature-dashboard.ts'
import { sentences } from '../../experiments/lab/report/feature-sentences.ts'
import { showNumber } from '../../experiments/lab/report/numbers.ts'
import { run } from '../../gpt2/model.ts'
import { runScript } from '../helpers/cli.ts'
import { startExplorer } from './explorer-site.ts'
import { captureText, hookOf, LAYERS, positive, softmax } from './explorer-truth.ts'

const TEXT = 'def area(r):\n    return 3.14 * r ** 2  # naïve 👩‍🔬'

const scratch = await mkdtemp(join(tmpdir(), 'clearbox-explorer-cli-'))
const truth = await captureText(TEXT, scratch)
const explorer = await startExplorer()
const test = suite('the Explorer’s numbers')
test.after(async () => {
  await explorer.close()
  rmSync(scratch, { recursive: true })
})

/** A browser without fused multiply-add rounds once more; with the same instructions the bits are the same. */
function checkValue(found: number, expected: number, sameBits: boolean, what: string): void {
  if (sameBits) assert.is(Math.fround(found), expected, what)
  else assert.ok(Math.abs(found - expected) < 1e-4, `${what}: ${found}, expected ${expected}`)
}

const fused = (mode: string) => mode.includes('fma')

test('every feature on the page, token by token and layer by layer, is the one that npm run capture writes', () =>
  explorer.visit(async (visitor) => {
    await visitor.ready()
    await visitor.write(TEXT)
    const sameBits = fused(await visitor.fact('Runs')) === fused(truth.mode)
    const chips = visitor.page.locator('[data-token]')
    assert.is(await chips.count(), truth.ids.length)
    for (const token of truth.ids.keys()) {
      await chips.nth(token).click()
      const listed = await visitor.features()
      for (const layer of LAYERS) {
        const here = listed.filter((entry) => entry.layer === layer)
        const expected = token === 0 ? [] : positive(truth.features[layer].row(token))
        assert.is(here.length, Math.min(8, expected.length), `layer ${layer}, token ${token}`)
        for (const [i, { feature, value, shown }] of here.entries()) {
          const place = `layer ${layer}, token ${token}, feature ${feature}`
          assert.is(feature, expected[i].feature, place)
          checkValue(value, expected[i].value, sameBits, place)
          assert.is(shown, showNumber(expected[i].value), place)
        }
      }
    }
  }))

test('the file holds all that npm run capture writes: tokens, features, attention, next token', () =>
  explorer.visit(async (visitor) => {
    await visitor.ready()
    await visitor.write(TEXT)
    const file = await visitor.exported()
    const sameBits = fused(file.mode) === fused(truth.mode)
    assert.is(file.text, TEXT)
    assert.is(file.edit, null)
    assert.equal(
      file.tokens.map(({ id, shown }) => [id, shown]),
      truth.ids.map((id, i) => [id, truth.tokens[i]]),
    )
    assert.is(file.tokens.map(({ piece }) => piece).join(''), `<|endoftext|>${TEXT}`)
    let compared = 0
    for (const { layer, features, attention } of file.layers) {
      const dense = truth.features[layer]
      for (const [token, found] of features.entries()) {
        const expected = token === 0 ? [] : positive(dense.row(token))
        assert.is(found.length, expected.length, `layer ${layer}, token ${token}`)
        for (const [i, entry] of expected.entries()) {
          assert.is(found[i].feature, entry.feature)
          checkValue(found[i].activation, entry.value, sameBits, `layer ${layer}, token ${token}`)
          compared++
        }
      }
      const pattern = truth.attention[layer]
      const flat = attention.flat(2)
      assert.is(flat.length, pattern.data.length)
      for (const [i, value] of flat.entries()) checkValue(value, pattern.data[i], sameBits, `attention ${i}`)
    }
    assert.is(file.layers.length, LAYERS.length)
    assert.ok(compared > 500, `${compared} features`)
    for (const [token, guesses] of file.next_token.entries()) {
      const expected = softmax(truth.logits.row(token))
      for (const { id, probability } of guesses) assert.ok(Math.abs(probability - expected[id]) < 1e-5)
      assert.ok(Math.abs(guesses[0].probability - Math.max(...expected)) < 1e-5)
    }
  }))

/** The next-token probabilities once a feature's activations are taken out of the stream, as experiments/ablation does it. */
async function withoutFeature(layer: number, feature: number): Promise<number[][]> {
  const ops = await createBackend()
  try {
    const model = await openModel('tiny', ops, { quiet: true })
    const direction = (await decoderRows(await model.openSae(hookOf(layer)), [feature])).row(0)
    const dense = truth.features[layer]
    const activations = Float32Array.from(truth.ids, (_, token) => dense.row(token)[feature])
    const found: number[][] = []
    await run(model.gpt2, [truth.ids], {
      [hookOf(layer)]: addDirection(removal([activations])[0], direction),
      logits: async (x, ops) => {
        const logits = await ops.download(x)
        for (const token of truth.ids.keys()) found.push(softmax(logits.row(token)))
      },
    })
    return found
  } finally {
    await ops.dispose()
  }
}

test('a feature turned off changes the next token as npm run ablation’s removal does; the file says so', () =>
  explorer.visit(async (visitor) => {
    await visitor.ready()
    await visitor.write(TEXT)
    await visitor.page.locator('[data-token="5"]').click()
    const [{ layer, feature }] = (await visitor.features()).filter((entry) => entry.layer === 2)
    await visitor.page.locator(`button.bar[data-layer="2"][data-feature="${feature}"]`).click()
    await visitor.rerun(() => visitor.button('Turn it off').click())
    assert.is(await visitor.button('Turn it off').getAttribute('aria-pressed'), 'true')
    await visitor.page.getByText(`Feature ${feature} of layer 2 is turned off:`).waitFor()
    const { edit, next_token: clean } = await visitor.exported()
    assert.equal(edit?.changes, [{ hook: hookOf(layer), layer, feature, kind: 'off' }])
    const expected = await withoutFeature(layer, feature)
    let moved = 0
    for (const [token, guesses] of edit!.next_token.entries())
      for (const { id, probability } of guesses) {
        assert.ok(Math.abs(probability - expected[token][id]) < 1e-5, `token ${token}: ${probability}`)
        const before = clean[token].find((guess) => guess.id === id)?.probability ?? 0
        moved = Math.max(moved, Math.abs(probability - before))
      }
    assert.ok(moved > 0.01, `the probabilities moved by ${moved} at most`)
    for (const [token, kl] of edit!.kl_nats.entries()) {
      const cleanRow = softmax(truth.logits.row(token))
      const byHand = cleanRow.reduce((sum, p, id) => sum + p * Math.log(p / expected[token][id]), 0)
      assert.ok(Math.abs(kl - byHand) < 1e-5, `token ${token}: ${kl}, by hand ${byHand}`)
    }
    // and back
    await visitor.rerun(() => visitor.button('Leave it').click())
    assert.is((await visitor.exported()).edit, null)
  }))

test('a feature turned up by 0 changes nothing, and by more, more', () =>
  explorer.visit(async (visitor) => {
    await visitor.ready()
    const kl: number[] = []
    for (const coefficient of [0, 2, 8]) {
      await visitor.rerun(() =>
        visitor.page.evaluate(
          (edit) => (location.hash = `text=one+two&edit=${edit}`),
          `up-3-7-${coefficient}`,
        ),
      )
      const { edit } = await visitor.exported()
      assert.equal(edit?.changes, [{ hook: hookOf(3), layer: 3, feature: 7, kind: 'up', coefficient }])
      kl.push(Math.max(...edit!.kl_nats))
    }
    assert.ok(Math.abs(kl[0]) < 1e-6 && kl[1] > 1e-4 && kl[2] > kl[1], kl.join(', '))
  }))

test('a card shows what npm run feature finds of the same feature', async () => {
  const [layer, feature] = [4, 12]
  const { status, stdout, stderr } = runScript('experiments/feature/main.ts', [
    ...['--layer', String(layer), '--feature', String(feature), '--json', '--out', scratch],
  ])
  assert.is(status, 0, stderr)
  const { features } = JSON.parse(stdout) as { features: FeatureDashboard[] }
  const texts = await loadTexts(join(import.meta.dirname, '../../experiments/lab/texts/texts.json'))
  const categories = texts.map(({ category }) => category)
  await explorer.visit(
    async (visitor) => {
      await visitor.ready()
      const card = visitor.page.locator('section.panel')
      await card.locator('.findings li').first().waitFor()
      // what is out of sight is not laid out, and has no text then
      await card.evaluate((element) => element.scrollIntoView())
      await visitor.page.waitForFunction(() => document.querySelector<HTMLElement>('#card')?.innerText !== '')
      assert.is(await card.locator('h2').first().innerText(), `What is feature ${feature} of layer ${layer}?`)
      const plain = (lines: string[]) => lines.map((line) => line.replace(/\s+/g, ' ').trim())
      assert.equal(
        plain(await card.locator('.findings li').allInnerTexts()),
        plain(sentences(features[0], categories)),
      )
      const content = plain([await card.innerText()])[0]
      for (const { token, logit } of [...features[0].promoted, ...features[0].suppressed]) {
        assert.ok(content.includes(token.trim()), `token ${token}`)
        assert.ok(content.includes(showNumber(logit)), `${token}: ${showNumber(logit)}`)
      }
      for (const { feature: other } of features[0].nearest)
        assert.ok(content.includes(String(other)), `nearest ${other}`)

      const mark = card.locator('mark').first()
      await mark.click()
      assert.is(await card.getByRole('status').innerText(), await mark.getAttribute('title'))
      const [{ feature: nearest }] = features[0].nearest
      await card.getByRole('button', { name: `Layer ${layer}, feature ${nearest}`, exact: true }).click()
      await card.getByRole('heading', { name: `What is feature ${nearest}` }).waitFor()
    },
    { url: `${explorer.url}#feature=${layer}-${feature}` },
  )
})

test('a number that its field cannot take is corrected, and the page says so', () =>
  explorer.visit(async ({ page }) => {
    const writing = page.locator('section[aria-labelledby="writing"]')
    const topP = writing.getByLabel('Top p')
    await topP.fill('7')
    await topP.press('Enter')
    await writing
      .getByText('Top p takes a number of at most three decimals from 0.001 to 1. It is now 1.')
      .waitFor()
    assert.is(await topP.inputValue(), '1')
    await topP.fill('0.9')
    await topP.press('Enter')
    await writing.getByText('Top p takes').waitFor({ state: 'detached' })
  }))

test('with the same seed it writes what npm run generate writes, and beside it what an edit makes of it', async () => {
  const prompt = 'def area(r):'
  const edit = 'up-3-7-30,head-1-2'
  const { status, stdout, stderr } = runScript('experiments/tools/generate/main.ts', [
    ...['--prompt', prompt, '--tokens', '20', '--temperature', '0.9', '--top-k', '30', '--top-p', '0.9'],
    ...['--seed', '5', '--json', '--edit', edit],
  ])
  assert.is(status, 0, stderr)
  const { ids, edited: made } = JSON.parse(stdout) as { ids: number[]; edited: { ids: number[] } }
  const hash = `#text=${encodeURIComponent(prompt)}&edit=${edit}&sampling=0.9-30-0.9-5-20`
  await explorer.visit(
    async (visitor) => {
      await visitor.ready()
      const written = (side: string): Promise<number[]> =>
        visitor.page
          .locator(`[data-side="${side}"] [data-id]`)
          .evaluateAll((all) => all.map((token) => Number((token as HTMLElement).dataset.id)))
      await visitor.button('Write').press('Enter')
      await visitor.button('Go on').waitFor()
      assert.is(await visitor.page.evaluate(() => document.activeElement?.textContent), 'Go on')
      assert.equal(await written('plain'), ids)
      const edited = await written('edited')
      assert.equal(edited, made.ids)
      const parted = edited.findIndex((id, i) => id !== ids[i])
      assert.ok(parted >= 0)
      await visitor.page.getByText(`They part at token ${parted + 1}:`).waitFor()
      assert.is(await visitor.page.locator('.written mark').count(), 2)
      await visitor.button('Go on').click()
      await visitor.page.locator('[data-side="plain"] [data-id]').nth(39).waitFor()
      await visitor.button('Go on').waitFor()
      assert.equal((await written('plain')).slice(0, 20), ids)
      // another edit ends it
      await visitor.rerun(() => visitor.button('Undo head 2 of layer 1 turned off').click())
      assert.is(await visitor.page.locator('.written').count(), 0)
    },
    { url: `${explorer.url}${hash}` },
  )
})

test.run()
