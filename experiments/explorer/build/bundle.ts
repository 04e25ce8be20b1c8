// Page and workers through Vite.
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { UserError } from '../../lab/cli/user-error.ts'
import type { Sources } from '../sources-shape.ts'
import type { ModelFiles } from '../worker/files.ts'
import { withHead } from './plugins.ts'

const PAGE = fileURLToPath(new URL('../page', import.meta.url))

/** @throws UserError where Vite would not find the page's files */
export function checkPath(page = PAGE): void {
  const [sign] = /[#?]/.exec(page) ?? []
  if (sign !== undefined)
    throw new UserError(
      `cannot build ${page}: Vite, which builds the page, takes the ${sign} in this path for its end; ` +
        'move the project to a folder without it',
    )
}

/** What the build tells the code: constants.ts. */
interface Constants {
  readonly files: ModelFiles
  readonly sources: Sources
}

/** No word on which plugin took how long. */
const checks = { pluginTimings: false }

/**
 * The page and its workers as static files in `outDir`, with relative addresses. Not minified: who opens the
 * developer tools reads the code, and gpu.js reads kernels as source, of which a minifier makes what it does not know.
 * @param linked the files in `source/` to which the page leads
 */
export async function bundle(
  outDir: string,
  { files, sources }: Constants,
  reports: boolean,
  linked: readonly string[],
): Promise<void> {
  await build({
    configFile: false,
    envDir: false,
    logLevel: 'warn',
    root: PAGE,
    base: './',
    publicDir: false,
    define: { FILES: JSON.stringify(files), SOURCES: JSON.stringify(sources) },
    plugins: [withHead(reports, linked)],
    worker: { format: 'es', rolldownOptions: { checks } },
    build: {
      outDir,
      emptyOutDir: false,
      target: 'esnext',
      minify: false,
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
      rolldownOptions: { checks },
    },
  })
}
