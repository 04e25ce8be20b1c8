// The reading path is what a newcomer reads to understand the whole: it must stay short. Its files are those that the
// numbered list of the README's section links to: node test/reading-path.ts [ROOT]
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const SECTION = 'Reading it in an afternoon'
const LIMIT = 2000

const root = process.argv[2] ?? join(import.meta.dirname, '..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const [, section = ''] = readme.split(`\n## ${SECTION}\n`)
const steps = section.split(/^## /m)[0].match(/^\d+\. .*$/gm) ?? []
const links = steps.flatMap((step) => [...step.matchAll(/\]\(([^)]+\.ts)\)/g)].map(([, file]) => file))

const problems: string[] = []
let total = 0
for (const file of new Set(links)) {
  if (!existsSync(join(root, file))) {
    problems.push(`the README names ${file}, which is not there`)
    continue
  }
  const lines = readFileSync(join(root, file), 'utf8').replace(/\n$/, '').split('\n').length
  total += lines
  console.log(`${String(lines).padStart(5)}  ${file}`)
}
if (links.length === 0)
  problems.push(`the README has no section “${SECTION}” with a numbered list that links to files`)
if (!section.includes(`Under ${LIMIT.toLocaleString('en')} lines`))
  problems.push(`the README does not say that the path has “Under ${LIMIT.toLocaleString('en')} lines”`)
if (total > LIMIT)
  problems.push(`${total - LIMIT} lines too many: leave out what a first reading can do without`)
console.log(`reading path: ${total} lines of at most ${LIMIT}`)
for (const problem of problems) console.error(`reading path: ${problem}`)
process.exitCode = problems.length > 0 ? 1 : 0
