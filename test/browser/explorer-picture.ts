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
      await page.locator('button.bar[data-layer="4"]').first().hover()
      // From the tokens to the heads: what one looks at when one has typed something.
      const bottom = await page.locator('.head-detail').boundingBox()
      const clip = { x: 0, y: 0, width: 1280, height: Math.round(bottom?.y ?? 1280) }
      await page.screenshot({ path, clip, animations: 'disabled' })
    },
    { url: `${explorer.url}#text=${encodeURIComponent(text)}` },
  )
} finally {
  await explorer.close()
}
