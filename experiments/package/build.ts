// `npm run build`: dist/, the package as npm packs it. A clone needs no build: this is for `npm pack ./dist`.
import { execFileSync } from 'node:child_process'
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packedManifest, type Manifest } from './manifest.ts'

const root = join(import.meta.dirname, '../..')
const dist = join(root, 'dist')

/** What code reads at run time, and what a package has to have. */
const FILES = [
  'LICENSE',
  'NOTICE.md',
  'README.md',
  'gpt2/tiny/*',
  'sae/tiny/*/*',
  'experiments/**/*.{json,css}',
]

rmSync(dist, { recursive: true, force: true })
execFileSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
for (const file of globSync('**/*.js', { cwd: dist })) nameWorkers(join(dist, file))
for (const file of globSync(FILES, { cwd: root })) cpSync(join(root, file), join(dist, file))
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
writeFileSync(join(dist, 'package.json'), `${JSON.stringify(packedManifest(manifest), null, 2)}\n`)

/** tsc rewrites what is imported. A worker's script is named by its URL, and is as bundlers look for it. */
function nameWorkers(path: string): void {
  const source = readFileSync(path, 'utf8')
  const named = source.replace(/(new URL\('[^']+)\.ts(', import\.meta\.url\))/g, '$1.js$2')
  if (named !== source) writeFileSync(path, named)
}
