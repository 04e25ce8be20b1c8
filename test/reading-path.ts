// The reading path is what a newcomer reads to understand the whole: it must stay short.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const LIMIT = 2000
const PATH = [
  'engine/tensor.ts',
  'engine/backend.ts',
  'engine/reference/*.ts',
  'gpt2/*.ts',
  'sae/{config,decoder,encoder,metrics,pooling,splice,weights}.ts',
  'experiments/lab/analysis/analyse-layer.ts',
]

const ROOT = join(import.meta.dirname, '..')
let [total, nonBlank] = [0, 0]
const missing = PATH.filter((pattern) => globSync(pattern, { cwd: ROOT }).length === 0)
for (const file of PATH.flatMap((pattern) => globSync(pattern, { cwd: ROOT }).sort())) {
  const lines = readFileSync(join(ROOT, file), 'utf8').replace(/\n$/, '').split('\n')
  total += lines.length
  nonBlank += lines.filter((line) => line.trim() !== '').length
  console.log(`${String(lines.length).padStart(5)}  ${file}`)
}
console.log(`reading path: ${total} lines of at most ${LIMIT}, ${nonBlank} of them not blank`)
for (const pattern of missing) console.error(`reading path: no file is named ${pattern}`)
if (total > LIMIT)
  console.error(`reading path: ${total - LIMIT} lines too many; move out what a first reading can do without`)
process.exitCode = total > LIMIT || missing.length > 0 ? 1 : 0
