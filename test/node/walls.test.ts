// Which imports .dependency-cruiser.js lets through and which it refuses: tried on a house of small files.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')

/** What others import. */
const targets = [
  'bench/main.ts',
  'engine/reference/linear.ts',
  'engine/tensor.ts',
  'engine/wasm/linear.ts',
  'engine/wasm/screen/row-block.ts',
  'engine/wasm/screen/screen.ts',
  'engine/weights/files-node.ts',
  'experiments/feature/main.ts',
  'experiments/lab/analysis/statistics.ts',
  'experiments/lab/cli/cli.ts',
  'experiments/lab/report/numbers.ts',
  'experiments/lab/run-experiment.ts',
  'experiments/tools/capture/main.ts',
  'gpt2/config.ts',
  'sae/config.ts',
  'test/run.ts',
]

const allowed: [path: string, source: string][] = [
  ['engine/wasm/add.ts', "import { Tensor } from '../tensor.ts'"],
  ['engine/wasm/backend.ts', "import './linear.ts'; import './screen/screen.ts'"],
  ['engine/weights/more-node.ts', "import { open } from 'node:fs/promises'; import './files-node.ts'"],
  ['engine/backends.ts', "const { openFile } = await import('./weights/files-node.ts')"],
  ['engine/weights/files.ts', "import type { Handle } from './files-node.ts'"],
  ['engine/weights/both.ts', "import type { A } from './files-node.ts'\nawait import('./files-node.ts')"],
  ['gpt2/model.ts', "import type { Backend } from '../engine/tensor.ts'"],
  ['experiments/first/main.ts', "import 'node:fs'; export * from '../../sae/config.ts'"],
  [
    'experiments/first/more.ts',
    "import './main.ts'; import '../lab/cli/cli.ts'; import '../lab/run-experiment.ts'",
  ],
  ['experiments/tools/verify/main.ts', "import '../../lab/analysis/statistics.ts'"],
  ['experiments/lab/report/charts.ts', "import '../analysis/statistics.ts'; import './numbers.ts'"],
  ['experiments/lab/frame.ts', "import './report/numbers.ts'; import './cli/cli.ts'"],
  ['test/node/a.test.ts', "import '../../bench/main.ts'"],
  ['sae/words.ts', "// import '../gpt2/config.ts'\nconst text = \"import '../gpt2/config.ts'\""],
]

const ALONE = 'experiments stand alone'
const NO_OP = 'threads and platforms know no op'
const NODE = 'node: only in *-node.ts'
const STATIC = '*-node.ts only by await import()'
const refused: [path: string, source: string, rule: string][] = [
  ['engine/upward.ts', "import { x } from '../gpt2/config.ts'", 'imports of engine/'],
  ['gpt2/sideways.ts', "import type { Sae } from '../sae/config.ts'", 'imports of gpt2/'],
  ['gpt2/in-a-type.ts', "let sae: import('../sae/config.ts').Sae", 'imports of gpt2/'],
  ['gpt2/one-backend.ts', "import '../engine/reference/linear.ts'", 'imports of gpt2/'],
  ['sae/passed-on.ts', "export { x } from '../gpt2/config.ts'", 'imports of sae/'],
  ['sae/later.ts', "await import('../experiments/lab/cli/cli.ts')", 'imports of sae/'],
  ['engine/gpujs/other-backend.ts', "import '../reference/linear.ts'", 'imports of engine/gpujs/'],
  ['engine/wasm/no-door.ts', "import type { A } from './screen/row-block.ts'", 'imports of engine/wasm/'],
  ['engine/no-door.ts', "import './wasm/linear.ts'", 'imports of engine/'],
  ['engine/wasm/threads/op.ts', "import type { A } from '../linear.ts'", NO_OP],
  ['engine/wasm/platform/op.ts', "import '../linear.ts'", NO_OP],
  ['experiments/ablation/aside.ts', "import type { A } from '../feature/main.ts'", ALONE],
  ['experiments/explorer/tool.ts', "import '../tools/capture/main.ts'", ALONE],
  ['experiments/tools/verify/tool.ts', "import '../capture/main.ts'", ALONE],
  ['experiments/first/backend.ts', "import '../../engine/wasm/linear.ts'", 'imports of experiments/'],
  ['experiments/lab/cli/up.ts', "import '../../../engine/tensor.ts'", 'imports of experiments/lab/cli/'],
  ['experiments/lab/models/up.ts', "import '../report/numbers.ts'", 'imports of experiments/lab/models/'],
  ['experiments/lab/texts/up.ts', "import '../analysis/statistics.ts'", 'imports of experiments/lab/texts/'],
  ['experiments/lab/report/up.ts', "import '../run-experiment.ts'", 'imports of experiments/lab/report/'],
  ['experiments/lab/up.ts', "import type { A } from '../feature/main.ts'", 'imports of experiments/lab/'],
  ['experiments/loose.ts', "import './feature/main.ts'", 'no loose files'],
  ['experiments/tools/loose.ts', "import './capture/main.ts'", 'no loose files'],
  ['experiments/first/bench.ts', "import '../../bench/main.ts'", 'imports of experiments/'],
  ['experiments/first/test.ts', "import '../../test/run.ts'", 'imports of experiments/'],
  ['engine/open.ts', "import { open } from 'node:fs/promises'", NODE],
  ['engine/old-name.ts', "import { open } from 'fs'", NODE],
  ['gpt2/open-later.ts', "const fs = await import('node:fs')", NODE],
  ['gpt2/load.ts', "import { openFile } from '../engine/weights/files-node.ts'", STATIC],
  ['sae/load.ts', "export * from '../engine/weights/files-node.ts'", STATIC],
  [
    'sae/twice.ts',
    "await import('../engine/weights/files-node.ts'); import '../engine/weights/files-node.ts'",
    STATIC,
  ],
]

/** Each needs the next, and the last the first. */
const circle: [path: string, source: string][] = [
  ['gpt2/a.ts', "import type { B } from './b.ts'"],
  ['gpt2/b.ts', "export * from './c.ts'"],
  ['gpt2/c.ts', "await import('./a.ts')"],
]

interface Violation {
  readonly from: string
  readonly rule: { readonly name: string }
  /** The files of a cycle. */
  readonly cycle?: readonly { readonly name: string }[]
}

interface Cruise {
  readonly summary: { readonly violations: readonly Violation[] }
}

const house = mkdtempSync(join(tmpdir(), 'walls-'))
for (const [path, source] of [...targets.map((path) => [path, '']), ...allowed, ...refused, ...circle]) {
  mkdirSync(dirname(join(house, path)), { recursive: true })
  writeFileSync(join(house, path), source)
}
const program = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs')
const { stdout, stderr } = spawnSync(
  process.execPath,
  [program, '--config', join(ROOT, '.dependency-cruiser.js'), '--output-type', 'json', '.'],
  { cwd: house, encoding: 'utf8' },
)
rmSync(house, { recursive: true })
if (stdout === '') throw new Error(stderr)
const { violations } = (JSON.parse(stdout) as Cruise).summary
const broken = (path: string) => violations.filter(({ from }) => from === path).map(({ rule }) => rule.name)

const walls = suite('walls')

for (const [path, source] of allowed)
  walls(`let ${path} through: ${source}`, () => assert.equal(broken(path), []))

for (const [path, source, rule] of refused)
  walls(`refuse ${path}: ${source}`, () => assert.equal(broken(path), [rule]))

walls('refuse a circle of imports, one of them of a type and one by import()', () => {
  const cycles = violations.filter(({ rule }) => rule.name === 'no cycles')
  const files = cycles.map(({ cycle = [] }) => cycle.map(({ name }) => name).sort())
  assert.equal(files, [circle.map(([path]) => path)])
})

walls.run()
