// Reads a corpus's result: one feature at a time, or all in order.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Option } from 'commander'
import { parquetReadObjects } from 'hyparquet'
import { UserError } from '../../cli/user-error.ts'
import { openParquet } from '../../texts/parquet-node.ts'
import {
  CORPUS_FORMAT,
  type CorpusFeature,
  type ExampleRow,
  type FeatureRow,
  type Manifest,
} from './corpus-format.ts'

export interface Corpus {
  readonly manifest: Manifest
  /** Some features of a layer's SAE, from one number to another (exclusive). @throws UserError if the corpus has none of that layer */
  readonly features: (layer: number, from: number, to: number) => Promise<CorpusFeature[]>
}

/** --corpus, of commands that show features. */
export function corpusOption(): Option {
  return new Option(
    '--corpus <folder>',
    'a result of npm run corpus, made with the same weights, whose figures and examples the feature cards show',
  )
}

/** A layer's place among those of a corpus. @throws UserError if it has none of that layer */
export function layerIndex(folder: string, { layers }: Manifest, layer: number): number {
  const index = layers.findIndex((one) => one.layer === layer)
  if (index >= 0) return index
  const there = layers.map((one) => one.layer).join(', ')
  throw new UserError(`${folder}: there is no layer ${layer} in it; there are ${there}`)
}

/** @throws UserError if `npm run corpus` has not finished a result there */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, 'manifest.json')
  const manifest = JSON.parse(
    await readFile(path, 'utf8').catch((cause: unknown) => {
      const how = 'name a folder that npm run corpus has finished'
      throw new UserError(`${folder}: there is no finished corpus, as manifest.json is missing: ${how}`, {
        cause,
      })
    }),
  ) as Manifest
  if (manifest.format !== CORPUS_FORMAT)
    throw new UserError(`${path}: expected the format "${CORPUS_FORMAT}": make it again by npm run corpus`)
  return manifest
}

/** @throws UserError if `npm run corpus` has not finished one there */
export async function openCorpus(folder: string): Promise<Corpus> {
  const manifest = await readManifest(folder)
  const features = await openParquet(join(folder, 'features.parquet'))
  const examples = await openParquet(join(folder, 'examples.parquet'))
  return {
    manifest,
    async features(layer, from, to) {
      const index = layerIndex(folder, manifest, layer)
      const before = manifest.layers.slice(0, index).reduce((sum, { d_sae }) => sum + d_sae, 0)
      const end = Math.min(to, manifest.layers[index].d_sae)
      if (from >= end) return []
      const range = { rowStart: before + from, rowEnd: before + end }
      const rows = (await parquetReadObjects({ ...features, ...range })) as FeatureRow[]
      const [first, last] = [rows[0], rows[rows.length - 1]]
      const rowStart = first.first_example
      const rowEnd = last.first_example + last.examples
      const found = (await parquetReadObjects({ ...examples, rowStart, rowEnd })) as ExampleRow[]
      return rows.map((row) => {
        const own = row.first_example - rowStart
        return { row, examples: found.slice(own, own + row.examples) }
      })
    },
  }
}
