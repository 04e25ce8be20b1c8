// Saves every SAE of saelens/ and sae-torch/ by `npm run save-sae`, for make-sae-fixtures.py --check: node test/reference/save-saes.ts DIR
import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { runScript } from '../helpers/cli.ts'

const saes = join(import.meta.dirname, 'saelens/saes')
const torch = join(import.meta.dirname, 'sae-torch')
const sources = [
  ...readdirSync(saes).map((name) => [name, join(saes, name)]),
  ...['heads.pt', 'stream.pt', 'transcoder.pkl.gz'].map((file) => [file, join(torch, file)]),
]
for (const [name, path] of sources) {
  const out = join(resolve(process.argv[2]), name)
  const { status, stderr } = runScript('experiments/tools/save-sae/main.ts', ['--saes', path, '--out', out])
  if (status !== 0) throw new Error(stderr)
}
