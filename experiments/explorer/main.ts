// What does the model see in a text? Features, attention, neurons and guesses, layer by layer, as you type.
//   npm run explore                  builds the page and serves it on this machine
//   npm run explore -- --no-serve    builds only: static files for any web server
// Prints the address; Ctrl-C ends it.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createCommand, integerIn, runMain } from '../lab/cli/cli.ts'
import { createProgress, showBytes } from '../lab/cli/progress.ts'
import { buildExplorer } from './build/build.ts'
import { serveFolder } from './serve-node.ts'

/** Where experiments leave their reports and an index of them. */
const REPORTS = resolve('results')

interface Options {
  readonly port: number
  readonly out: string
  readonly serve: boolean
  readonly open?: boolean
  readonly corpus?: string
  readonly json?: boolean
}

const options = createCommand('explore', 'a page on which you type a text and see what the model does')
  .option('--port <n>', 'the port on this machine; 0: any that is free', integerIn('port', 0, 65535), 4173)
  .option('--out <folder>', 'where the built page goes', 'results/explorer')
  .option('--no-serve', 'build only')
  .option('--open', 'open the page in the browser')
  .option(
    '--corpus <folder>',
    'a result of npm run corpus for the library of features (default: made of the bundled texts)',
  )
  .addHelpText(
    'after',
    '\nExamples:\n  npm run explore\n  npm run explore -- --no-serve --out public/explorer',
  )
  .parse()
  .opts<Options>()

runMain(async () => {
  const out = resolve(options.out)
  // before the work, because the port may be taken
  const site = options.serve
    ? await serveFolder({ root: out, reports: REPORTS, port: options.port })
    : undefined
  const built = await build(out, options.serve && existsSync(join(REPORTS, 'index.html')))
  if (site && options.open) openInBrowser(site.url)
  if (options.json) return console.log(JSON.stringify({ out, ...built, url: site?.url }, null, 1))
  console.log(`${built.files} files, ${showBytes(built.bytes)}: ${out}`)
  if (site) console.log(`the Explorer: ${site.url}   (Ctrl-C ends it)`)
  else console.log('any web server can serve this folder, under any path')
})

async function build(out: string, reports: boolean) {
  using progress = createProgress({ label: 'building', total: 4, unit: 'steps', quiet: options.json })
  let done = 0
  return buildExplorer(out, (step) => progress.update(done++, step), { reports, corpus: options.corpus })
}

/** Uses the system's way to open an address; the address is printed in any case. */
function openInBrowser(url: string): void {
  const openers: Partial<Record<NodeJS.Platform, string>> = { darwin: 'open', win32: 'explorer.exe' }
  spawn(openers[process.platform] ?? 'xdg-open', [url], { stdio: 'ignore', detached: true })
    .on('error', ({ message }) => console.error(`no browser could be opened: ${message}`))
    .unref()
}
