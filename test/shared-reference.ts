import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Runs the analyse command on the post author's own activations and compares every number with his figures:
 *
 *     node test/shared-reference.ts FOLDER
 *
 * FOLDER holds features-layer-6.safetensors, features-layer-8.safetensors and texts.json. They are not part of this
 * repository; test/reference/black-box says where they come from. Exit code 1 if a number differs.
 */

interface Figures {
  threshold: number
  layers: (Record<string, unknown> & { layer: number; pairs_above_5: number })[]
}

/** Values are published with two decimals, ratios with four. Ids and scores are whole: within 0.01 they are equal. */
const toleranceOf = (path: string): number => (/(peak_to_aggregate|gini_top5)$/.test(path) ? 0.0001 : 0.01)

let compared = 0
const differences: string[] = []

/** Compares all numbers of `expected`, however deep; `found` may hold more than it, but no longer arrays. */
function compare(path: string, found: unknown, expected: unknown): void {
  if (typeof expected === 'object' && expected !== null) {
    const inside = Object(found) as Record<string, unknown>
    for (const [key, value] of Object.entries(expected)) compare(`${path}.${key}`, inside[key], value)
    if (Array.isArray(expected) && inside.length !== expected.length)
      differences.push(`${path}: expected ${expected.length} entries, got ${String(inside.length)}`)
    return
  }
  compared += 1
  if (!(Math.abs(Number(found ?? NaN) - Number(expected)) <= toleranceOf(path)))
    differences.push(`${path}: expected ${String(expected)}, got ${String(found)}`)
}

function analyse(folder: string, layer: number, threshold: number): unknown {
  const args = [
    join(import.meta.dirname, '../experiments/black-box/analyse.ts'),
    ...['--features', join(folder, `features-layer-${layer}.safetensors`)],
    ...['--labels', join(folder, 'texts.json')],
    ...['--layer', String(layer), '--threshold', String(threshold), '--json'],
  ]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`analyse ended with ${status}: ${stderr}`)
  const [found] = (JSON.parse(stdout) as { layers: { categories: { category: string }[] }[] }).layers
  return { ...found, categories: Object.fromEntries(found.categories.map((one) => [one.category, one])) }
}

const folder = process.argv[2]
if (folder === undefined) {
  console.error('usage: node test/shared-reference.ts FOLDER')
  process.exit(2)
}
const path = join(import.meta.dirname, 'reference/black-box/figures.json')
const { threshold, layers } = JSON.parse(readFileSync(path, 'utf8')) as Figures
for (const { pairs_above_5, ...figures } of layers) {
  const expected = { ...figures, pairs_above_threshold: pairs_above_5 }
  compare(`layer ${figures.layer}`, analyse(folder, figures.layer, threshold), expected)
}
for (const difference of differences) console.log(difference)
console.log(`${compared} figures compared, ${differences.length} differ`)
process.exitCode = compared > 0 && differences.length === 0 ? 0 : 1
