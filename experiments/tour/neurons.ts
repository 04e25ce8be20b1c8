// Why a neuron is not a feature: on how many kinds of tokens the bundled model's neurons and its SAEs' features fire.
import { createBackend, defaultBackend } from '../../engine/backends.ts'
import { createRandom } from '../../engine/random.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { toDense } from '../../engine/sparse.ts'
import { captureStreams, encodeStream } from '../lab/models/features.ts'
import { openModel } from '../lab/models/models.ts'
import { OWN_TEXTS, textsNamed } from '../lab/texts/named-texts.ts'
import { tokenizeTexts } from '../lab/texts/tokenize-texts.ts'
import type { Stop } from './walk.ts'

/** The SAE of each of these layers is compared with the neurons of the block before it. */
const LAYERS = [1, 3, 5]
/** How many of a unit's strongest tokens are looked at; a unit that fires on fewer is left out. */
const TOP = 20
/** A unit with this many of them of one kind is called pure. */
const PURE = 18
/** Random axes, for comparison. */
const MIXTURES = 128

/** The kinds among a unit's strongest tokens, the most frequent first, with their counts. */
type Kinds = readonly (readonly [kind: string, count: number])[]

export async function walkNeurons(): Promise<Stop[]> {
  const ops = await createBackend(defaultBackend)
  const model = await openModel('tiny', ops, { quiet: true })
  const texts = await textsNamed({ texts: OWN_TEXTS })
  const { ids } = tokenizeTexts(model, texts)
  const tokens = ids.flatMap((text) => model.tokenizer.pieces(text).map((piece) => JSON.stringify(piece)))
  const categories = ids.flatMap((text, i) => text.map(() => texts[i].category))
  const isBos = ids.flatMap((text) => text.map((_, t) => t === 0))
  const hooks = LAYERS.flatMap((layer) => hooksOf(layer))
  const seen = await captureStreams(model.gpt2, ids, hooks)
  const lines: Record<'token' | 'category', string[]> = { token: [], category: [] }
  const examples: string[] = []
  const chances: number[] = []
  for (const layer of LAYERS) {
    const [pre, post, stream] = hooksOf(layer).map((hook) => seen.get(hook)!)
    using sae = await model.openSae(hooksOf(layer)[2])
    const groups = {
      neurons: post,
      mixtures: mixtures(pre),
      features: toDense(await encodeStream(ops, sae, stream)),
    }
    const strongest = Object.entries(groups).map(([name, x]) => [name, strongestRows(x, isBos)] as const)
    for (const kind of ['token', 'category'] as const) {
      const all = strongest.map(([name, units]) => {
        const kinds = units.map((rows) => kindsOf(rows, kind === 'token' ? tokens : categories))
        return [name, kinds] as const
      })
      lines[kind].push(...all.map(([name, units]) => line(sourceOf(name, layer), name, units)))
      const [neurons, , found] = all.map(([, units]) => units.map(share))
      const chance = chanceOfMore(found, neurons)
      lines[kind].push(
        `SAE ${layer} against block ${layer - 1}: a random feature beats a random neuron with probability ${chance.toFixed(2)}`,
      )
      if (kind === 'category') continue
      chances.push(chance)
      if (layer === 3)
        for (const [name, units] of [all[0], all[2]]) {
          const sorted = units.toSorted((a, b) => share(a) - share(b))
          const example = (which: string, kinds: Kinds) =>
            examples.push(`${name}, ${which}`.padEnd(26) + showKinds(kinds))
          example('in the middle', sorted[sorted.length >> 1])
          example('the purest', sorted.at(-1)!)
        }
    }
  }
  await ops.dispose()
  const counted = ids.reduce((sum, { length }) => sum + length - 1, 0)
  const verdict = chances.every((chance) => chance >= 0.6)
    ? 'Features are purer throughout.'
    : chances.every((chance) => chance < 0.6)
      ? 'The typical feature is hardly purer than the typical neuron; the difference is among the purest.'
      : 'Whether the typical feature is purer depends on the layer.'
  return [
    {
      title: `Of the ${TOP} tokens on which a unit is strongest, how many are the same token?`,
      file: 'gpt2/mlp.ts',
      code: 'await ops.linear(h, c_fc, { activation })',
      lines: [
        `of ${counted.toLocaleString('en')} tokens; lower quartile, median, upper quartile; a tie counts as half a win`,
        ...lines.token,
      ],
      says: verdict,
    },
    {
      title: 'How many of them are in texts of the same category, out of seven?',
      file: 'sae/encoder.ts',
      code: 'return ops.sparseEncode(await encoderInput(ops, sae, x), sae.encoder)',
      lines: lines.category,
      says: 'A mixture is a sum of all the block’s neurons before GELU, with random weights: an axis without a claim to meaning.',
    },
    {
      title: 'Examples from block 2 and the SAE of layer 3, by their tokens',
      file: 'experiments/tour/neurons.ts',
      code: 'const sorted = units.toSorted((a, b) => share(a) - share(b))',
      lines: examples,
      says: `The number after a token says how many of the ${TOP} it is.`,
    },
  ]
}

/** Where units are: neurons and mixtures in a block, features in the SAE of the layer after it. */
function sourceOf(name: string, layer: number): string {
  return name === 'features' ? `SAE ${layer}` : `block ${layer - 1}`
}

/** Neurons before and after GELU, and the stream that the SAE reads after them. */
function hooksOf(layer: number): string[] {
  return [
    `blocks.${layer - 1}.mlp.hook_pre`,
    `blocks.${layer - 1}.mlp.hook_post`,
    `blocks.${layer}.hook_resid_pre`,
  ]
}

/** `MIXTURES` columns, each the sum of all of x times random numbers. [tokens, n] -> [tokens, MIXTURES] */
function mixtures(x: Tensor): Tensor {
  const [rows, width] = x.shape
  const random = createRandom(1)
  const weights = Array.from({ length: width }, () =>
    Array.from({ length: MIXTURES }, () => 2 * random.number() - 1),
  )
  const mixed = x.like([rows, MIXTURES])
  for (let t = 0; t < rows; t++) {
    const [from, to] = [x.row(t), mixed.row(t)]
    for (let i = 0; i < width; i++) {
      const weight = weights[i]
      for (let j = 0; j < MIXTURES; j++) to[j] += from[i] * weight[j]
    }
  }
  return mixed
}

/** The rows of each column's `TOP` largest numbers, if that many are positive; BOS is left out. x [tokens, units] */
function strongestRows(x: Tensor, isBos: readonly boolean[]): number[][] {
  const [rows, units] = x.shape
  const found: number[][] = []
  for (let unit = 0; unit < units; unit++) {
    const valueOf = (row: number) => x.data[row * units + unit]
    const best: number[] = [] // the largest first; of equal ones, the earliest first
    for (let row = 0; row < rows; row++) {
      if (isBos[row] || !(valueOf(row) > 0)) continue
      if (best.length === TOP && valueOf(row) <= valueOf(best[TOP - 1])) continue
      let at = best.length
      while (at > 0 && valueOf(best[at - 1]) < valueOf(row)) at--
      best.splice(at, 0, row)
      if (best.length > TOP) best.pop()
    }
    if (best.length === TOP) found.push(best)
  }
  return found
}

function kindsOf(rows: readonly number[], kinds: readonly string[]): Kinds {
  const counts = Map.groupBy(rows, (row) => kinds[row])
  return [...counts].map(([kind, of]) => [kind, of.length] as const).sort((a, b) => b[1] - a[1])
}

/** How many of the `TOP` are of the most frequent kind. */
const share = ([[, count]]: Kinds): number => count

function line(source: string, name: string, units: readonly Kinds[]): string {
  const sorted = units.map(share).sort((a, b) => a - b)
  const quartiles = [0.25, 0.5, 0.75].map((part) =>
    String(sorted[Math.floor(part * sorted.length)]).padStart(2),
  )
  const pure = (100 * sorted.filter((count) => count >= PURE).length) / sorted.length
  return (
    `${source.padEnd(8)} ${String(units.length).padStart(4)} ${name.padEnd(9)} ${quartiles.join(' ')} of ${TOP}   ` +
    `${pure.toFixed(1).padStart(4)} % have ${PURE} or more`
  )
}

/** The probability that a number drawn from a is larger than one from b; ties count half. */
function chanceOfMore(a: readonly number[], b: readonly number[]): number {
  let more = 0
  for (const x of a) for (const y of b) more += x > y ? 1 : x === y ? 0.5 : 0
  return more / (a.length * b.length)
}

function showKinds(kinds: Kinds): string {
  const shown = kinds.slice(0, 8).map(([kind, count]) => `${kind} ${count}`)
  return [...shown, ...(kinds.length > 8 ? [`and ${kinds.length - 8} others`] : [])].join(', ')
}
