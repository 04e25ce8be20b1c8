// Which folder may import which: `npm run imports` checks it. Every import counts, `import type` and `await import()` too.
import { existsSync, readdirSync } from 'node:fs'

const ENGINE = ['engine', 'engine/weights']
const LIBRARY = [...ENGINE, 'engine/train', 'gpt2', 'sae']
const CLI = 'experiments/lab/cli'
const MODELS = 'experiments/lab/models'
const TEXTS = 'experiments/lab/texts'
const ANALYSIS = 'experiments/lab/analysis'
const REPORT = 'experiments/lab/report'
const LAB = ['experiments/lab', CLI, MODELS, TEXTS, ANALYSIS, REPORT]
const SCREEN = 'engine/wasm/screen'
const THREADS = 'engine/wasm/threads'
const PLATFORM = 'engine/wasm/platform'

/**
 * A folder, and what its files may import beside each other: all files of a folder, or one file, a door. A subfolder is
 * part of its folder unless it stands here itself. bench/ and test/ are not here: they may import anything, and nothing
 * imports them.
 */
const MAY_IMPORT = {
  engine: [
    'engine/weights',
    'engine/reference/backend.ts',
    'engine/gpujs/backend.ts',
    'engine/gpujs/modes.ts',
    'engine/wasm/backend.ts',
    `${PLATFORM}/platform-browser.ts`,
    `${PLATFORM}/platform-node.ts`,
  ],
  'engine/weights': ['engine'],
  'engine/train': ENGINE,
  'engine/reference': ENGINE,
  'engine/gpujs': ENGINE,
  'engine/wasm': [
    ...ENGINE,
    'engine/reference/backend.ts',
    `${SCREEN}/screen.ts`,
    `${SCREEN}/kernels.ts`,
    `${THREADS}/pool.ts`,
    `${THREADS}/product-shares.ts`,
    `${THREADS}/task.ts`,
    `${THREADS}/tasks.ts`,
    `${PLATFORM}/features.ts`,
    `${PLATFORM}/int8.ts`,
    `${PLATFORM}/platform.ts`,
  ],
  [SCREEN]: [...ENGINE, 'engine/wasm', `${THREADS}/task.ts`],
  [THREADS]: ['engine/wasm', `${SCREEN}/tasks.ts`, `${SCREEN}/layout.ts`],
  [PLATFORM]: ['engine/wasm', `${SCREEN}/int8-tile.ts`, `${THREADS}/pool.ts`, `${THREADS}/spawn-node.ts`],
  gpt2: [...ENGINE, 'engine/train'],
  sae: [...ENGINE, 'engine/train'],
  [CLI]: [],
  [MODELS]: [...LIBRARY, CLI],
  [TEXTS]: [...LIBRARY, CLI, MODELS],
  [ANALYSIS]: [...LIBRARY, CLI, MODELS, TEXTS],
  [REPORT]: [...LIBRARY, CLI, MODELS, TEXTS, ANALYSIS],
  'experiments/lab': [...LIBRARY, ...LAB],
  experiments: [...LIBRARY, ...LAB],
  'experiments/tour': [...LIBRARY, ...LAB, 'engine/reference'], // it shows the plain loops themselves
  'experiments/tools/screening': [
    ...LIBRARY,
    ...LAB,
    'engine/reference/backend.ts',
    `${SCREEN}/bound.ts`,
    `${SCREEN}/layout.ts`,
  ],
}

for (const path of Object.entries(MAY_IMPORT).flat(2))
  if (!existsSync(new URL(path, import.meta.url)))
    throw new Error(
      `.dependency-cruiser.js names ${path}, which is not there: name what it has become, or take it out`,
    )

/** The files of engine/wasm that compute an op: named as in engine/reference. */
const OPS = readdirSync(new URL('engine/reference', import.meta.url)).filter((name) => name !== 'backend.ts')

/** Our own code: every folder at the top, also one that this table does not know yet. */
const TOP = readdirSync(new URL('.', import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !/^\.|^(node_modules|results|dist)$/.test(entry.name))
  .map(({ name }) => name)
const OURS = `^(${TOP.join('|')})/`

/** What also runs in a browser. */
const IN_BROWSERS = { path: '^(engine|gpt2|sae)/', pathNot: '-node\\.ts$' }

/** One file, or those of a folder without those of subfolders that stand in MAY_IMPORT themselves. */
function filesOf(path) {
  if (path.endsWith('.ts')) return `^${path}$`
  const apart = Object.keys(MAY_IMPORT).filter((other) => other.startsWith(`${path}/`))
  return `^${path}/${apart.map((other) => `(?!${other.slice(path.length + 1)}/)`).join('')}`
}

const rules = [
  ...Object.entries(MAY_IMPORT).map(([folder, others]) => ({
    name: `imports of ${folder}/`,
    comment: `beside its own files it may import ${others.join(', ') || 'nothing'}`,
    from: { path: filesOf(folder) },
    to: { path: OURS, pathNot: [folder, ...others].map(filesOf) },
  })),
  {
    name: 'no loose files',
    comment: 'an experiment or a tool is a folder of its own',
    from: { path: '^experiments/(tools/)?[^/]+$' },
    to: {},
  },
  {
    name: 'experiments stand alone',
    comment:
      'no experiment and no tool imports another: what they share belongs in experiments/lab/; package/ runs them all',
    from: { path: '^experiments/((?!lab/|tools/|package/)[^/]+|tools/[^/]+)/' },
    to: { path: '^experiments/', pathNot: ['^experiments/$1/', '^experiments/lab/'] },
  },
  {
    name: 'threads and platforms know no op',
    comment: 'an op imports what it needs of them',
    from: { path: [`^${THREADS}/`, `^${PLATFORM}/`] },
    to: { path: OPS.map((name) => `^engine/wasm/${name}$`) },
  },
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
    name: 'what users run needs no package of development',
    comment: 'a package that is imported here belongs among the dependencies',
    // The Explorer is built in a clone, and the exercises check themselves in one.
    from: { path: '^(engine|gpt2|sae|experiments)/', pathNot: '^experiments/(explorer/build|exercises)/' },
    to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only', 'type-import'] },
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
    exclude: '(^|/)results/|^dist/|^(bench/peers|test/(firefox|package|queue|webgpu))/node_modules/',
    doNotFollow: { path: '(^|/)node_modules/' },
    // Types too, though they are gone when the code runs.
    tsPreCompilationDeps: true,
  },
}
