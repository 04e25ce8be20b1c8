// Prints how many lines of code each folder has, so that growth is seen: node test/lines.ts [ROOT]
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { codeLines } from './code-lines.ts'

/** engine/wasm/screen/ has a line of its own; what lies deeper counts there. */
const DEEPEST = 3

const root = process.argv[2] ?? join(import.meta.dirname, '..')
const exclude = (name: string) => /(^|[\\/])(node_modules|results|dist)$/.test(name)
const counts = new Map<string, number>()
let all = 0
for (const file of globSync('{engine,gpt2,sae,experiments,bench}/**/*.ts', { cwd: root, exclude })) {
  const lines = codeLines(readFileSync(join(root, file), 'utf8'))
  const folders = file.split(/[\\/]/).slice(0, -1)
  for (let depth = 1; depth <= Math.min(folders.length, DEEPEST); depth++) {
    const folder = folders.slice(0, depth).join('/')
    counts.set(folder, (counts.get(folder) ?? 0) + lines)
  }
  all += lines
}

const print = (lines: number, what: string) =>
  console.log(`${lines.toLocaleString('en').padStart(7)}  ${what}`)
for (const [folder, lines] of [...counts].sort(([a], [b]) => (a < b ? -1 : 1)))
  print(lines, `${'  '.repeat(folder.split('/').length - 1)}${folder.split('/').at(-1)}/`)
print(all, 'lines of TypeScript that are neither blank nor comment')
