// The Explorer without a connection: one whole version of it, never parts of two.
import { cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { addServiceWorker } from '../../experiments/explorer/build/offline.ts'
import { serveFolder, type Site } from '../../experiments/explorer/serve-node.ts'
import { startExplorer, Visitor } from './explorer-site.ts'

const explorer = await startExplorer()
const servers: { stop(): Promise<void> }[] = []
const parent = await mkdtemp(join(tmpdir(), 'clearbox-offline-'))
const test = suite('the Explorer offline')
test.after(async () => {
  await explorer.close()
  for (const server of servers) await server.stop() // of a test that has failed
  await rm(parent, { recursive: true })
})

/** A later build: its page's script is another, and so is its name. */
async function laterBuild(from: string, to: string, build: string): Promise<void> {
  await cp(from, to, { recursive: true })
  const [script] = readdirSync(join(to, 'assets')).filter((name) => /^index-.*\.js$/.test(name))
  const renamed = script.replace(/^index-.*\.js$/, `index-${build}.js`)
  const source = await readFile(join(to, 'assets', script), 'utf8')
  await rm(join(to, 'assets', script))
  await writeFile(join(to, 'assets', renamed), `globalThis.build = '${build}'\n${source}`)
  const page = join(to, 'index.html')
  await writeFile(page, (await readFile(page, 'utf8')).replaceAll(script, renamed))
  await addServiceWorker(to)
}

const buildOf = (page: Page) => page.evaluate(() => (globalThis as { build?: string }).build)
const versionOf = (page: Page) => page.locator('meta[name="version"]').getAttribute('content')
const caches = (page: Page) =>
  page.evaluate(async () => (await globalThis.caches.keys()).map((name) => name.split(' ')[2]))
const kept = (page: Page) =>
  page.locator('#offline', { hasText: 'Kept in this browser' }).waitFor({ state: 'attached' })

/** A server that can be stopped and started again under its address, and a folder behind it that can be replaced. */
async function startServer(name: string) {
  const root = join(parent, name)
  await cp(explorer.folder, root, { recursive: true })
  let site: Site | undefined = await serveFolder({ root, port: 0 })
  const { url } = site
  const server = {
    url,
    root,
    async stop() {
      await site?.close()
      site = undefined
    },
    async start() {
      site = await serveFolder({ root, port: Number(new URL(url).port) })
    },
  }
  servers.push(server)
  return server
}

const OFFLINE = /ERR_CONNECTION_REFUSED|Failed to load resource/

test('with the server stopped a reload gives the whole page: threads, another backend, a card', async () => {
  const server = await startServer('stopped')
  await explorer.visit(
    async (visitor) => {
      const { page } = visitor
      await visitor.ready()
      const mode = await visitor.fact('Runs')
      await kept(page)
      await server.stop()
      await page.reload()
      await visitor.ready()
      assert.is(await page.evaluate(() => globalThis.crossOriginIsolated), true)
      assert.is(await visitor.fact('Runs'), mode)
      assert.match(mode, /2 threads/)
      await page.locator('button.bar[data-feature]').first().click()
      await page.locator('section.panel .findings').waitFor()
      await visitor.rerun(() => page.getByLabel('What computes').selectOption('gpujs:cpu'))
      assert.match(await visitor.fact('Runs'), /plain JavaScript/)
    },
    { url: server.url, offline: true, expected: OFFLINE },
  )
  await server.stop()
})

test('after a new build a reload is all new, and so it is without the server; an older tab keeps its version', async () => {
  const server = await startServer('renewed')
  const next = join(parent, 'next')
  await laterBuild(explorer.folder, next, 'second')
  await explorer.visit(
    async (visitor) => {
      const { page } = visitor
      await visitor.ready()
      await kept(page)
      const first = await versionOf(page)
      const old = new Visitor(await page.context().newPage(), [])
      await old.page.goto(server.url)
      await old.ready()
      await kept(old.page)
      await rename(server.root, `${server.root}-former`)
      await rename(next, server.root)
      await page.reload()
      await visitor.ready()
      assert.is(await buildOf(page), 'second')
      const second = await versionOf(page)
      assert.is.not(second, first)
      await kept(page)
      assert.equal((await caches(page)).sort(), [first, second].sort())
      await server.stop()
      await page.reload()
      await visitor.ready()
      assert.equal([await buildOf(page), await versionOf(page)], ['second', second])
      // the old tab still has what it has not asked for yet
      await old.page.locator('button.bar[data-feature]').first().click()
      await old.page.locator('section.panel .findings').waitFor()
      assert.is(await versionOf(old.page), first)
      await old.page.close()
      // its lock ends a while after the tab: the next page asked for takes the version away
      for (let reloads = 0; reloads < 9 && (await caches(page)).length > 1; reloads++) {
        await page.reload()
        await visitor.ready()
      }
      assert.equal(await caches(page), [second])
    },
    { url: server.url, offline: true, expected: OFFLINE },
  )
  await server.stop()
})

test('a version of which a file is another’s is not kept, and the page says so', async () => {
  const server = await startServer('mixed')
  const source = join(server.root, 'source', 'gpt2', 'mlp.ts.txt')
  await writeFile(source, 'of another build')
  await explorer.visit(
    async (visitor) => {
      await visitor.ready()
      await visitor.page
        .locator('#offline', { hasText: 'could not be fetched, or belongs to another version' })
        .waitFor({ state: 'attached' })
      assert.equal(await caches(visitor.page), [])
    },
    { url: server.url, offline: true, expected: /Uncaught|is not of version/ },
  )
  await server.stop()
})

test('where a browser keeps no pages, the page says so and works', () =>
  explorer.visit(
    async (visitor) => {
      await visitor.ready()
      await visitor.page
        .locator('#offline', { hasText: 'Not kept for reading offline' })
        .waitFor({ state: 'attached' })
    },
    {
      offline: true,
      prepare: async (page) =>
        void (await page.addInitScript(() =>
          Object.defineProperty(Navigator.prototype, 'serviceWorker', { value: undefined }),
        )),
    },
  ))

test.run()
