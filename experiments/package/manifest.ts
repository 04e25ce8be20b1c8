// What package.json says in a clone, and what it says in the package.

/** A name, or a name and condition, and the file that it stands for. */
type Entries = Readonly<Record<string, string | Readonly<Record<string, string>>>>

/** The parts of package.json that matter here. */
export interface Manifest {
  readonly exports: Entries
  readonly imports: Entries
  readonly bin: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

/** Fields that mean something in a clone only: npm scripts, and the Node that runs them. */
const OF_THE_CLONE = [
  'private',
  'scripts',
  'devDependencies',
  'optionalDependencies',
  'overrides',
  'c8',
  'knip',
  'typedocOptions',
]

/**
 * gpu.js depends on gl, which is compiled on install, and on a WebGPU of its own, and loads neither here. In a clone
 * `overrides` keep them out; in a package overrides mean nothing. So who wants gpu.js installs it.
 */
const PEERS = ['gpu.js']

/**
 * The package's manifest. In a clone `exports` and `bin` name TypeScript, which Node runs as it is; under node_modules it
 * does not, so they name what tsc made of it. `private` goes: `npm publish` is then a person's decision.
 */
export function packedManifest(manifest: Manifest): Record<string, unknown> {
  const kept = Object.entries(manifest).filter(([field]) => !OF_THE_CLONE.includes(field))
  const [peers, dependencies] = [true, false].map((isPeer) =>
    Object.entries(manifest.dependencies).filter(([name]) => PEERS.includes(name) === isPeer),
  )
  const peerDependencies = { ...Object.fromEntries(peers), ...manifest.peerDependencies }
  const optional = Object.keys(peerDependencies).map((name) => [name, { optional: true }])
  const bin = Object.entries(manifest.bin).map(([name, file]) => [name, file.replace(/\.ts$/, '.js')])
  return {
    ...Object.fromEntries(kept),
    exports: compiledEntries(manifest.exports),
    imports: compiledEntries(manifest.imports),
    bin: Object.fromEntries(bin),
    dependencies: Object.fromEntries(dependencies),
    peerDependencies,
    peerDependenciesMeta: Object.fromEntries(optional),
    engines: { node: '>=22' },
  }
}

function compiledEntries(entries: Entries): Record<string, unknown> {
  const targets = Object.entries(entries).map(([name, target]): [string, unknown] => {
    if (typeof target === 'string') return [name, compiled(target)]
    const conditions = Object.entries(target).map(([condition, file]) => [condition, compiled(file)])
    return [name, Object.fromEntries(conditions)]
  })
  return Object.fromEntries(targets)
}

/** `./engine/index.ts` -> its declarations and its code. Other files stay as they are. */
function compiled(file: string): string | { types: string; default: string } {
  if (!file.endsWith('.ts')) return file
  const path = file.slice(0, -'.ts'.length)
  return { types: `${path}.d.ts`, default: `${path}.js` }
}
