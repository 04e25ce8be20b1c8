// Which folder may import which: `npm run imports` checks it. Every import counts, `import type` and `await import()` too.
import { existsSync } from 'node:fs'

const ENGINE = ['engine', 'engine/weights']
const LIBRARY = [...ENGINE, 'gpt2', 'sae']

/**
 * A folder, and the folders that its files may import beside their own. A subfolder is part of its folder unless it stands
 * here itself. bench/ and test/ are not here: they may import anything, and nothing imports them.
 */
const MAY_IMPORT = {
  engine: ['engine/weights', 'engine/reference', 'engine/gpujs', 'engine/wasm'],
  'engine/weights': ['engine'],
  'engine/reference': ENGINE,
  'engine/gpujs': ENGINE,
  'engine/wasm': [...ENGINE, 'engine/reference'],
  gpt2: ENGINE,
  sae: ENGINE,
  experiments: LIBRARY,
  'experiments/tools/screening': [...LIBRARY, 'experiments', 'engine/reference', 'engine/wasm'],
}

for (const path of Object.keys(MAY_IMPORT))
  if (!existsSync(new URL(path, import.meta.url)))
    throw new Error(
      `.dependency-cruiser.js names ${path}, which is not there: take it out, or name what it has become`,
    )

/** Any of the folders of our own code. */
const OURS = '^(engine|gpt2|sae|experiments|bench|test)/'

/** What also runs in a browser. */
const IN_BROWSERS = { path: '^(engine|gpt2|sae)/', pathNot: '-node\\.ts$' }

/** The files of a folder, without those of subfolders that stand in MAY_IMPORT themselves. */
function filesOf(folder) {
  const apart = Object.keys(MAY_IMPORT).filter((other) => other.startsWith(`${folder}/`))
  return `^${folder}/${apart.map((other) => `(?!${other.slice(folder.length + 1)}/)`).join('')}`
}

const rules = [
  ...Object.entries(MAY_IMPORT).map(([folder, others]) => ({
    name: `imports of ${folder}/`,
    comment: `beside its own files it may import ${others.map((other) => `${other}/`).join(', ')}`,
    from: { path: filesOf(folder) },
    to: { path: OURS, pathNot: [folder, ...others].map(filesOf) },
  })),
  {
    name: 'node: only in *-node.ts',
    comment: 'files of engine/, gpt2/ and sae/ also run in a browser',
    from: IN_BROWSERS,
    to: { dependencyTypes: ['core'] },
  },
  {
    name: '*-node.ts only by await import()',
    comment: 'a browser would load what is imported statically',
    from: IN_BROWSERS,
    to: { path: '-node\\.ts$', dependencyTypesNot: ['dynamic-import', 'type-only', 'type-import'] },
  },
  {
    name: 'no cycles',
    comment: 'what two files need of each other is a third file',
    from: {},
    to: { circular: true },
  },
]

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: rules.map((rule) => ({ ...rule, severity: 'error' })),
  options: {
    exclude: '(^|/)(node_modules|results)/',
    // Types too, though they are gone when the code runs.
    tsPreCompilationDeps: true,
  },
}
