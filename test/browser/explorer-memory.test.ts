// The Explorer's memory: what an older text left behind is let go, however long someone types.
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CDPSession } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startExplorer } from './explorer-site.ts'

const explorer = await startExplorer()
const folder = mkdtempSync(join(tmpdir(), 'clearbox-memory-'))
cpSync('gpt2/tiny', folder, { recursive: true })
cpSync('sae/tiny', join(folder, 'sae'), { recursive: true })
const test = suite('the Explorer’s memory')
test.after(async () => {
  await explorer.close()
  rmSync(folder, { recursive: true })
})

/** What the page's own thread holds after a forced collection, in bytes; the memory of its numbers counts. */
async function heldBytes(session: CDPSession): Promise<number> {
  // A second collection takes what finalizers of the first let go.
  for (let times = 0; times < 2; times++) await session.send('HeapProfiler.collectGarbage')
  const { usedSize, backingStorageSize } = (await session.send('Runtime.getHeapUsage')) as {
    usedSize: number
    backingStorageSize: number
  }
  return usedSize + backingStorageSize
}

/** Texts that differ, of the same length: a longer one may be held by more. */
const text = (number: number) => Array.from({ length: 30 }, (_, i) => `w${1000 + number + i}`).join(' ')

test('after 200 more texts the page holds no more than before: a card is open, an edit made, a token chosen', () =>
  explorer.visit(
    async (visitor) => {
      await visitor.ready()
      const session = await visitor.page.context().newCDPSession(visitor.page)
      const write = async (from: number, to: number) => {
        for (let number = from; number < to; number++) await visitor.write(text(number))
      }
      await write(0, 30)
      const before = await heldBytes(session)
      await write(30, 230)
      const growth = (await heldBytes(session)) - before
      assert.ok(growth < 1e6, `${before} bytes before, ${growth} more after`)
    },
    { url: `${explorer.url}#text=one&token=2&feature=4-12&edit=up-4-12-20` },
  ))

test('after five changes of the model, to a folder’s and back, the page holds no more than after the first', () =>
  explorer.visit(async (visitor) => {
    await visitor.ready()
    const session = await visitor.page.context().newCDPSession(visitor.page)
    const change = async () => {
      await visitor.page.locator('#folder').setInputFiles(folder)
      await visitor.rerun(() => visitor.button('Use this model').click())
      await visitor.rerun(() => visitor.button('Back to the bundled model').click())
    }
    await change()
    await change()
    const before = await heldBytes(session)
    for (let times = 0; times < 5; times++) await change()
    const growth = (await heldBytes(session)) - before
    assert.ok(growth < 1e6, `${before} bytes before, ${growth} more after`)
  }))

test.run()
