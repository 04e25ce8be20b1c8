// Builds page and workers with Vite.
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

/** Silences the report of how long each plugin took. */
const checks = { pluginTimings: false }

/**
 * The page and its workers as static files in `outDir`, with relative addresses. Not minified: people read the code
 * in the developer tools, and gpu.js reads kernels as source, which a minifier turns into code that gpu.js does not know.
 * @param linked the files in `source/` to which the page links
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
