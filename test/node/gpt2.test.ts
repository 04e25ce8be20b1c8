import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { backends, createBackend } from '../../engine/backends.ts'
import { Tensor } from '../../engine/tensor.ts'
import { sourceOf, type WeightStore } from '../../engine/weights/weights.ts'
import { hookNames, type Hook } from '../../gpt2/hooks.ts'
import { meanLoss, textLosses } from '../../gpt2/loss.ts'
import { capture, lastRows, loadGpt2, releaseGpt2, run, type Gpt2 } from '../../gpt2/model.ts'
import { syntheticWeights } from '../../gpt2/synthetic/weights.ts'
import { startBackends } from '../helpers/backends.ts'
import { checkSameBits, messageOf } from '../helpers/compare.ts'
import { lossOfLogits } from '../helpers/loss.ts'
import { anySeed, holds } from '../helpers/random.ts'
import { randomIds, smallConfig, smallGpt2 } from '../helpers/small-gpt2.ts'

const { dModel, nCtx, dVocab } = smallConfig
const everyHook = hookNames(smallConfig)
/** Rows are tokens at every hook but the pattern and its scores, whose rows are heads. */
const tokenHooks = everyHook.filter((name) => !/hook_(pattern|attn_scores)$/.test(name))
const anyLength = fc.integer({ min: 1, max: 14 })

/** The rows of tokens `from` to `to`, whatever the rest of the shape. */
function tokens(x: Tensor, from: number, to: number): Tensor {
  const width = x.data.length / x.shape[0]
  return x.reshape([x.shape[0], width]).rows(from, to)
}

function createCaches({ ops, config }: Gpt2) {
  const rows = () => ops.createCache(config.nCtx, config.dModel)
  return Array.from({ length: config.nLayers }, () => ({ keys: rows(), values: rows() }))
}

const models: Gpt2[] = []
for (const ops of await startBackends()) models.push(await smallGpt2(ops))

for (const model of models) {
  const { ops } = model
  const test = suite(`gpt2: ${ops.name}`)

  const logitsOf = async (...texts: number[][]) => (await capture(model, texts, ['logits'])).get('logits')!

  test('causality: a token changes nothing before it, and something at it', async () => {
    await holds(
      [anyLength, anySeed],
      async (length, seed) => {
        const ids = randomIds(length, seed)
        const at = seed % length
        const changed = ids.with(at, (ids[at] + 1) % dVocab)
        const [before, after] = [
          await capture(model, [ids], everyHook),
          await capture(model, [changed], everyHook),
        ]
        for (const name of tokenHooks)
          checkSameBits(
            tokens(after.get(name)!, 0, at),
            tokens(before.get(name)!, 0, at),
            `${name} before ${at}`,
          )
        assert.not.equal(after.get('logits')!.row(at), before.get('logits')!.row(at))
      },
      20,
    )
  })

  test('a cache gives the bits of the whole text, in any pieces', async () => {
    const anyPieces = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 })
    await holds(
      [anyPieces, anySeed],
      async (pieces, seed) => {
        const ids = randomIds(
          pieces.reduce((sum, piece) => sum + piece, 0),
          seed,
        )
        const whole = await capture(model, [ids], tokenHooks)
        const cache = createCaches(model)
        let done = 0
        for (const piece of pieces) {
          const part = await capture(model, [ids.slice(done, done + piece)], tokenHooks, { cache })
          for (const [name, x] of part)
            checkSameBits(
              tokens(x, 0, piece),
              tokens(whole.get(name)!, done, done + piece),
              `${name} from ${done}`,
            )
          done += piece
        }
        for (const { keys, values } of cache) for (const rows of [keys, values]) ops.release(rows)
      },
      20,
    )
  })

  test('several texts at once: each has the bits that it has alone', async () => {
    await holds(
      [fc.array(anyLength, { minLength: 1, maxLength: 4 }), anySeed],
      async (lengths, seed) => {
        const texts = lengths.map((length, i) => randomIds(length, seed + i))
        const all = await capture(model, texts, tokenHooks)
        let row = 0
        for (const text of texts) {
          const alone = await capture(model, [text], tokenHooks)
          for (const [name, x] of alone)
            checkSameBits(tokens(x, 0, text.length), tokens(all.get(name)!, row, row + text.length), name)
          row += text.length
        }
      },
      20,
    )
  })

  test('lastOnly: the last token of each text, with the bits it has among all', async () => {
    const texts = [5, 1, 8].map((length, seed) => randomIds(length, seed))
    const all = await logitsOf(...texts)
    const last = (await capture(model, texts, ['logits'], { lastOnly: true })).get('logits')!
    assert.equal(lastRows(texts), [4, 5, 13])
    assert.equal(last.shape, [3, dVocab])
    for (const [text, row] of lastRows(texts).entries())
      checkSameBits(last.rows(text, text + 1), all.rows(row, row + 1), `text ${text}`)
  })

  const sameOnThreads = async () => {
    const texts = [randomIds(11, 1), randomIds(3, 2)]
    const expected = await capture(model, texts, everyHook)
    for (const threads of [1, 2, 3, 7]) {
      const other = await createBackend(ops.name, { threads })
      const found = await capture(await smallGpt2(other), texts, everyHook)
      for (const [name, x] of found) checkSameBits(x, expected.get(name)!, `${threads} threads: ${name}`)
      await other.dispose()
    }
  }
  if (backends[ops.name].options.includes('threads'))
    test('the same bits on 1, 2, 3 and 7 threads', sameOnThreads)

  test('the longest text the model knows, and one token more', async () => {
    assert.equal((await logitsOf(randomIds(nCtx, 1))).shape, [nCtx, dVocab])
    assert.is(
      await messageOf(() => logitsOf([1], randomIds(nCtx + 1, 1))),
      `run: text 1 has ${nCtx + 1} tokens, but the model has ${nCtx} positions; shorten it`,
    )
    const cache = createCaches(model)
    await capture(model, [randomIds(nCtx, 1)], ['logits'], { cache })
    assert.is(
      await messageOf(() => capture(model, [[1]], ['logits'], { cache })),
      `run: text 0 has ${nCtx + 1} tokens, but the model has ${nCtx} positions; shorten it`,
    )
  })

  test('no texts, an empty text, ids out of range, a cache for two texts', async () => {
    const vocabulary = `is not in the vocabulary 0..${dVocab - 1}`
    assert.is(await messageOf(() => logitsOf()), 'run: no texts')
    assert.is(
      await messageOf(() => logitsOf([1], [])),
      'run: text 1 has no tokens; it needs at least one, and <|endoftext|> counts',
    )
    for (const id of [-1, dVocab, 1.5, NaN])
      assert.is(
        await messageOf(() => logitsOf([1], [2, id])),
        `run: text 1, position 1: id ${id} ${vocabulary}`,
      )
    assert.is(
      await messageOf(() => capture(model, [[1], [2]], ['logits'], { cache: createCaches(model) })),
      'run: a cache holds one text, got 2 texts',
    )
    assert.match(
      await messageOf(() => capture(model, [[1]], ['hook_embed'], { cache: createCaches(model) })),
      'run: with a cache the pass must reach the end',
    )
  })

  test('weights are refused: missing, unknown, misshapen, not finite; a prefix and mask buffers are taken', async () => {
    const small = syntheticWeights(smallConfig)
    const changed = (
      change: (names: string[]) => string[],
      get = (name: string) => small.get(name),
    ): WeightStore => ({
      ...small,
      names: () => change([...small.names()]),
      get,
    })
    const load = (store: WeightStore) => messageOf(() => loadGpt2(ops, store, smallConfig))
    assert.is(
      await load(changed((names) => names.filter((name) => name !== 'h.1.ln_2.bias'))),
      'synthetic: missing the tensor h.1.ln_2.bias',
    )
    assert.is(
      await load(changed((names) => [...names, 'h.3.ln_1.weight'])),
      'synthetic: holds the tensor h.3.ln_1.weight, which this model does not have',
    )
    const misshapen = sourceOf('wpe.weight', Tensor.zeros([dModel, nCtx]))
    assert.is(
      await load(
        changed(
          (names) => names,
          (name) => (name === 'wpe.weight' ? misshapen : small.get(name)),
        ),
      ),
      `synthetic: wpe.weight is [${dModel}, ${nCtx}], but the model's sizes need [${nCtx}, ${dModel}]`,
    )
    const broken = Tensor.zeros([3 * dModel])
    broken.data[dModel + 3] = NaN
    assert.match(
      await load(
        changed(
          (names) => names,
          (name) => (name === 'h.2.attn.c_attn.bias' ? sourceOf(name, broken) : small.get(name)),
        ),
      ),
      `synthetic: h.2.attn.c_attn.bias holds NaN at element ${dModel + 3}`,
    )
    const prefixed = changed(
      (names) => [...names.map((name) => `transformer.${name}`), 'h.0.attn.bias', 'lm_head.weight'],
      (name) => small.get(name === 'lm_head.weight' ? 'wte.weight' : name.replace('transformer.', '')),
    )
    const seen: string[] = []
    const loaded = await loadGpt2(ops, prefixed, smallConfig, ({ name }) => seen.push(name))
    assert.equal(new Set(seen), new Set(small.names()))
    checkSameBits((await capture(loaded, [[1, 2]], ['logits'])).get('logits')!, await logitsOf([1, 2]))
    releaseGpt2(loaded)
  })

  test('textLosses: -log p(next) of every token but the last, over more rows than a block has', async () => {
    const texts = [2, 23, 24, 24, 24, 24, 24, 5].map((length) => randomIds(length, length))
    const losses = await textLosses(model, texts)
    for (const [i, ids] of texts.entries()) {
      const expected = lossOfLogits(await logitsOf(ids), ids) * (ids.length - 1)
      assert.ok(Math.abs(losses[i] - expected) < 1e-6 * expected, `text ${i}: ${losses[i]}, ${expected}`)
      assert.is(await meanLoss(model, ids), losses[i] / (ids.length - 1))
    }
  })

  test('textLosses: hooks change the pass, one on the last norm too; one id is no prediction', async () => {
    const ids = randomIds(6, 1)
    const zero: Hook = (x, ops) => ops.subtract(x, x)
    for (const hook of ['blocks.1.hook_resid_post', 'ln_final.hook_normalized']) {
      let changed: Tensor | undefined
      const logits: Hook = async (x, ops) => void (changed = await ops.download(x))
      await run(model, [ids], { [hook]: zero, logits })
      const loss = await meanLoss(model, ids, { [hook]: zero })
      assert.ok(Math.abs(loss - lossOfLogits(changed!, ids)) < 1e-6)
      assert.ok(Math.abs(loss - (await meanLoss(model, ids))) > 1e-3)
    }
    assert.is(
      await messageOf(() => textLosses(model, [ids, [5]])),
      'textLosses: a text of 1 ids; at least 2 make a prediction and its answer',
    )
  })

  test.after(async () => {
    releaseGpt2(model)
    await ops.dispose()
  })
  test.run()
}
