import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createBackend } from '../../engine/backends.ts'
import { Tensor } from '../../engine/tensor.ts'
import { patch as attributePatch } from '../../experiments/attribution/patching.ts'
import { align, matched } from '../../experiments/explorer/align.ts'
import type { Answer, Patch, PatchedRow, Patching } from '../../experiments/explorer/protocol.ts'
import { loadModel, type Model } from '../../experiments/explorer/worker/model.ts'
import { readPair } from '../../experiments/explorer/worker/pair.ts'
import { patchRows } from '../../experiments/explorer/worker/patch.ts'
import { runText } from '../../experiments/explorer/worker/run-text.ts'
import { tokenize } from '../../experiments/explorer/worker/tokens.ts'
import { PATCHED } from '../../experiments/lab/analysis/intervene.ts'
import { onHost } from '../../gpt2/hooks.ts'
import { capture, run } from '../../gpt2/model.ts'
import { BASE, carried, startSession, withFolder } from '../helpers/explorer.ts'

const TEXT = 'import numpy as'
const OTHER = 'import pandas as'
const LONGER = 'import numpy.linalg as'

async function open(name: string): Promise<Model> {
  const ops = await createBackend(name, name === 'wasm' ? { threads: 2 } : {})
  return withFolder(new Map(carried.contents), () => loadModel(ops, BASE, carried.files, () => {}))
}
const [reference, wasm] = [await open('reference'), await open('wasm')]
const patiently = async (): Promise<void> => {}

const anyTokens = fc.array(fc.nat(3), { maxLength: 9 })

const aligning = suite('explorer: two texts aligned')

/** The length of a longest common subsequence, by trying everything. */
const longest = ([a, ...restA]: number[], [b, ...restB]: number[]): number => {
  if (a === undefined || b === undefined) return 0
  if (a === b) return 1 + longest(restA, restB)
  return Math.max(longest(restA, [b, ...restB]), longest([a, ...restA], restB))
}

aligning('every token stands once, in order; as many are the same as can be', () =>
  fc.assert(
    fc.property(anyTokens, anyTokens, (text, other) => {
      const columns = align(text, other)
      const of = (side: 'text' | 'other') => columns.flatMap((column) => column[side] ?? [])
      assert.equal(of('text'), [...text.keys()])
      assert.equal(of('other'), [...other.keys()])
      for (const { text: a, other: b, same } of columns)
        if (same) assert.is(text[a!], other[b!])
        else assert.ok(a !== null || b !== null)
      assert.is(columns.filter(({ same }) => same).length, longest(text, other))
    }),
  ),
)

aligning('tokens that differ are paired from their last on', () => {
  assert.equal(matched(align([9, 1, 5, 2], [9, 3, 4, 2])), [
    { text: 0, other: 0, same: true },
    { text: 1, other: 1, same: false },
    { text: 2, other: 2, same: false },
    { text: 3, other: 3, same: true },
  ])
  assert.equal(align([9, 1, 2], [9, 3, 4, 5, 2])[1], { text: null, other: 1, same: false })
  assert.equal(align([9, 1, 2], [9, 3, 4, 5, 2])[3], { text: 1, other: 3, same: false })
})

aligning.run()

const pairs = suite('explorer: two texts beside each other')

pairs(
  'the other text is read as any text; logits are the model’s, after tokens that stand for each other',
  async () => {
    const pair = await readPair(wasm, { text: TEXT, other: LONGER }, patiently)
    const alone = await runText(wasm, { text: LONGER, edit: [] }, patiently)
    const layers = ({ layers }: typeof alone) => layers.map(({ ms: _, ...layer }) => layer)
    assert.equal(layers(pair.run), layers(alone))
    const [ids, otherIds] = [tokenize(wasm, TEXT), tokenize(wasm, LONGER)]
    const logitsOf = async (of: readonly number[]) =>
      (await capture(wasm.gpt2, [of], ['logits'])).get('logits')!
    const [own, others] = [await logitsOf(ids), await logitsOf(otherIds)]
    const columns = matched(align(ids, otherIds))
    assert.is(pair.logits.length, columns.length)
    assert.ok(columns.some(({ text, other }) => text !== other))
    for (const [i, { text, other }] of columns.entries()) {
      const [a, b] = [own.row(text), others.row(other)]
      const { likely, moved } = pair.logits[i]
      for (const logits of [...likely, ...moved])
        assert.equal([logits.text, logits.other], [a[logits.id], b[logits.id]])
      const rise = a.map((logit, id) => b[id] - logit)
      const sorted = [...rise].sort((x, y) => y - x)
      assert.equal(
        moved.map(({ id }) => rise[id]),
        [...sorted.slice(0, 6), ...sorted.slice(-6).reverse()],
      )
      for (const row of [a, b]) {
        const best = row.indexOf(Math.max(...row))
        assert.ok(likely.some(({ id }) => id === best))
        assert.is(pair.names.get(best), wasm.nameOf(best))
      }
    }
  },
)

pairs.run()

const patches = suite('explorer: patching')

async function patched(model: Model, text: string, other: string, patch: Partial<Patch>) {
  const asked: Patch = { site: 'hook_resid_pre', into: 'other', target: null, against: null, ...patch }
  const [start, ...rows] = await Array.fromAsync(patchRows(model, { text, other, patch: asked }, patiently))
  return { start: start as Patching, rows: rows as PatchedRow[] }
}

patches('the numbers are those of npm run attribute, at every site', async () => {
  const [clean, corrupted] = [tokenize(wasm, TEXT), tokenize(wasm, OTHER)]
  assert.is(clean.length, corrupted.length)
  const question = { target: wasm.tokenizer.encode(' n')[0], against: wasm.tokenizer.encode(' p')[0] }
  const attributed = await attributePatch(wasm.gpt2, clean, corrupted, question, true)
  for (const site of PATCHED) {
    const { start, rows } = await patched(wasm, TEXT, OTHER, { site, ...question })
    assert.is(start.before, attributed.corrupted)
    assert.equal(
      start.places,
      attributed.positions.map((position) => ({ from: position, into: position })),
    )
    assert.is(rows.length, start.rows)
    assert.equal(
      rows.map(({ layer, head, effects }) => [layer, head, effects]),
      attributed.rows
        .filter((row) => row.site === site)
        .map(({ layer, head, patching }) => [layer, head, patching]),
    )
  }
})

patches('into a longer text and out of it: as hooks on the reference do it', async () => {
  const texts = { text: tokenize(reference, TEXT), other: tokenize(reference, LONGER) }
  assert.not.equal(texts.text.length, texts.other.length)
  const { dModel, dHead } = reference.gpt2.config
  for (const into of ['other', 'text'] as const) {
    const [from, to] = into === 'other' ? [texts.text, texts.other] : [texts.other, texts.text]
    for (const [site, layer, head] of [
      ['hook_resid_pre', 3, null],
      ['attn.hook_z', 2, 1],
    ] as const) {
      const { start, rows } = await patched(wasm, TEXT, LONGER, { site, into })
      const row = rows.find((one) => one.layer === layer && one.head === head)!
      const hook = `blocks.${layer}.${site}`
      const source = (await capture(reference.gpt2, [from], [hook])).get(hook)!
      const logitWith = async (place?: Patching['places'][number]): Promise<number> => {
        let logit = NaN
        const put = onHost(({ shape, data }) => {
          const kept = new Tensor(shape, data.slice())
          if (place === undefined) return kept
          const [at, size] = head === null ? [0, dModel] : [head * dHead, dHead]
          const begins = place.from * dModel + at
          kept.data.set(source.data.subarray(begins, begins + size), place.into * dModel + at)
          return kept
        })
        await run(reference.gpt2, [to], {
          [hook]: put,
          logits: async (x, ops) => void (logit = (await ops.download(x)).row(to.length - 1)[start.target]),
        })
        return logit
      }
      const before = await logitWith()
      assert.ok(Math.abs(start.before - before) < 1e-4)
      for (const [i, place] of start.places.entries())
        assert.ok(
          Math.abs(row.effects[i] - ((await logitWith(place)) - before)) < 1e-4,
          `${site}, place ${i}`,
        )
      assert.ok(Math.max(...row.effects.map(Math.abs)) > 0.01)
    }
    const { start } = await patched(wasm, TEXT, LONGER, { into })
    const logits = (await capture(wasm.gpt2, [from], ['logits'])).get('logits')!.row(from.length - 1)
    assert.is(start.target, logits.indexOf(Math.max(...logits)))
    assert.is(start.source, logits[start.target])
    assert.is(start.names.get(start.target), wasm.nameOf(start.target))
  }
})

patches('what cannot be patched says why', async () => {
  const failure = async (other: string, patch: Partial<Patch>) => {
    const { ask, of } = startSession()
    await ask({ type: 'open', backend: { name: 'wasm', threads: 1 } })
    const asked: Patch = { site: 'hook_resid_pre', into: 'other', target: null, against: null, ...patch }
    await ask({ type: 'patch', id: 5, text: TEXT, other, patch: asked })
    assert.equal([of('patching'), of('patched')], [[], []])
    const [{ id, failure }] = of('failed')
    assert.is(id, 5)
    return `${failure.kind}: ${failure.message} ${failure.advice}`
  }
  assert.match(await failure(TEXT, {}), /^pair: Both texts are the same tokens.* Change a word/)
  assert.match(await failure(OTHER, { target: 4097 }), /^pair: The model has no token 4097\. .* 0 to 4096\.$/)
  assert.match(await failure(OTHER, { target: 3, against: 4999 }), /^pair: The model has no token 4999\./)
  assert.match(await failure(OTHER, { target: 3, against: 3 }), /^pair: A token’s logit minus itself is 0/)
  assert.match(
    await failure('a b '.repeat(200), {}),
    /^text: The text has \d+ tokens; the model reads at most 255/,
  )
})

patches.run()

const sessions = suite('explorer session: pairs and patches')
const WHOLE: Patch = { site: 'attn.hook_z', into: 'other', target: null, against: null }

async function opened(onAnswer: (answer: Answer) => void = () => {}) {
  const session = startSession({ onAnswer })
  await session.ask({ type: 'open', backend: { name: 'wasm', threads: 1 } })
  return session
}

sessions('a card has its turn between two rows; then all rows come', async () => {
  let card: Promise<void> | undefined
  const session = await opened(({ type }) => {
    if (type === 'patched') card ??= session.ask({ type: 'card', id: 3, layer: 3, feature: 5 })
  })
  await session.ask({ type: 'patch', id: 2, text: TEXT, other: OTHER, patch: WHOLE })
  await card
  const kinds = session.answers.map(({ type }) => type)
  assert.ok(kinds.indexOf('card') > 0 && kinds.indexOf('card') < kinds.lastIndexOf('patched'))
  assert.is(session.of('patched').length, 24)
})

sessions(
  'another text ends a pair and a patch, within a row too; the same text with an edit ends neither',
  async () => {
    let next: Promise<void> | undefined
    const session = await opened(({ type }) => {
      if (type === 'patched') next ??= session.ask({ type: 'run', id: 4, text: 'another', edit: [] })
    })
    const { ask, of } = session
    await ask({ type: 'run', id: 1, text: TEXT, edit: [] })
    const all = [
      ask({ type: 'pair', id: 2, text: TEXT, other: OTHER }),
      ask({ type: 'patch', id: 3, text: TEXT, other: OTHER, patch: WHOLE }),
      ask({ type: 'run', id: 6, text: TEXT, edit: [{ kind: 'head', layer: 0, head: 0 }] }),
    ]
    await Promise.all(all)
    await next
    assert.equal([of('pair').length, of('patched').length, of('failed').length], [1, 1, 0])
    assert.is(of('run').at(-1)!.id, 4)
  },
)

sessions(
  'a newer pair takes an older one’s place, and ends what was patched; a newer patch likewise',
  async () => {
    const { ask, of } = await opened()
    const other = (id: number, text: string) => ask({ type: 'pair', id, text: TEXT, other: text })
    const patch = (id: number, into: Patch['into']) =>
      ask({ type: 'patch', id, text: TEXT, other: OTHER, patch: { ...WHOLE, site: 'hook_mlp_out', into } })
    await Promise.all([
      patch(1, 'other'),
      other(2, 'one'),
      other(3, OTHER),
      patch(4, 'other'),
      patch(5, 'text'),
    ])
    assert.equal(
      of('pair').map(({ id }) => id),
      [3],
    )
    assert.equal([...new Set(of('patched').map(({ id }) => id))], [5])
    assert.is(of('failed').length, 0)
  },
)

sessions('the other text is too long: the pair fails by its id, the worker goes on', async () => {
  const { ask, of } = await opened()
  await ask({ type: 'pair', id: 2, text: TEXT, other: 'a b '.repeat(200) })
  await ask({ type: 'pair', id: 3, text: TEXT, other: OTHER })
  assert.is(of('failed')[0].id, 2)
  assert.is(of('failed')[0].failure.kind, 'text')
  assert.is(of('pair')[0].id, 3)
})

sessions.run()
