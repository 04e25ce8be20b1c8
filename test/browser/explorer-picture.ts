// Takes the picture of the Explorer that its README shows: node test/browser/explorer-picture.ts
import { join } from 'node:path'
import { startExplorer } from './explorer-site.ts'

const path = join(import.meta.dirname, '../../experiments/explorer/explorer.png')
const text = 'def area(radius):\n    return 3.14 * radius ** 2\n\nprint(area'

const explorer = await startExplorer()
try {
  await explorer.visit(
    async (visitor) => {
      await visitor.ready()
      const { page } = visitor
      // one key, so that the times on the picture are those of typing and not of the start
      await visitor.rerun(() =>
        page
          .locator('#text')
          .press('Control+End')
          .then(() => page.keyboard.press('(')),
      )
      await page.setViewportSize({ width: 1280, height: 1900 })
      // Nothing is asked of it here: it would only part the guess from the features.
      await page
        .locator('section[aria-labelledby="why"]')
        .evaluate((section) => section.setAttribute('hidden', ''))
      await page.locator('button.bar[data-layer="4"]').first().hover()
      await page.evaluate(
        () => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))),
      )
      // From the tokens to the features: what one looks at when one has typed something.
      const [top, bottom] = [
        await page.locator('.strip').boundingBox(),
        await page.locator('section[aria-labelledby="features"] .columns').boundingBox(),
      ]
      if (!top || !bottom) throw new Error('the page has no tokens or no features to take a picture of')
      const clip = { x: 0, y: top.y, width: 1280, height: Math.round(bottom.y + bottom.height - top.y) }
      await page.screenshot({ path, clip, animations: 'disabled' })
    },
    { url: `${explorer.url}#text=${encodeURIComponent(text)}` },
  )
} finally {
  await explorer.close()
}
