// Checks that imports point one way (experiments -> sae, gpt2 -> engine) and that `node:` stays in *-node.ts.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { importProblems } from './source-rules.ts'

const ROOT = join(import.meta.dirname, '..')
const files = globSync('{engine,gpt2,sae,experiments}/**/*.ts', { cwd: ROOT }).map((file) =>
  file.replaceAll('\\', '/'),
)
const problems = files.flatMap((file) =>
  importProblems(file, readFileSync(join(ROOT, file), 'utf8')).map((problem) => `${file}: ${problem}`),
)
for (const problem of problems.sort()) console.error(problem)
console.log(`imports: ${files.length} files, ${problems.length} problems`)
process.exitCode = problems.length > 0 || files.length === 0 ? 1 : 0
