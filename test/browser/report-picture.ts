// Takes the picture of the report that the READMEs show: node test/browser/report-picture.ts
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { runScript } from '../helpers/cli.ts'
import { launchChromium } from './chromium.ts'

const path = join(import.meta.dirname, '../../experiments/black-box/report.png')
const cwd = await mkdtemp(join(tmpdir(), 'clearbox-picture-'))
const { status, stderr } = runScript('experiments/black-box/main.ts', [], cwd)
if (status !== 0) throw new Error(stderr)
const browser = await launchChromium()
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1480 }, colorScheme: 'light' })
  await page.goto(pathToFileURL(join(cwd, 'results/black-box/tiny/report.html')).href)
  await page.screenshot({ path, animations: 'disabled' })
} finally {
  await browser.close()
  await rm(cwd, { recursive: true })
}
