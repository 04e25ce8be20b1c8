import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Backend } from '../../engine/backend.ts'
import { createBackend, type BackendOptions } from '../../engine/backends.ts'
import { sparseRow } from '../../engine/sparse.ts'
import { decoderRows } from '../../sae/decoder.ts'
import { addDirection, removal, steering } from '../../sae/edit.ts'
import { measureEdits } from '../../experiments/ablation/measure.ts'
import { encodeStream } from '../../experiments/lab/models/features.ts'
import type { Change } from '../../experiments/lab/models/changes.ts'
import type { TextRun } from '../../experiments/explorer/protocol.ts'
import { runText } from '../../experiments/explorer/worker/run-text.ts'
import { loadModel, type Model } from '../../experiments/explorer/worker/model.ts'
import { Tensor } from '../../engine/tensor.ts'
import { onHost, type Hook } from '../../gpt2/hooks.ts'
import { capture, run } from '../../gpt2/model.ts'
import { BASE, carried, withFolder } from '../helpers/explorer.ts'
import { logProbability } from '../helpers/loss.ts'

const TEXT = 'print("Zürich 🙂", i)'

async function open(name: string, options: BackendOptions = {}): Promise<Model> {
  const ops = await createBackend(name, options)
  return withFolder(new Map(carried.contents), () => loadModel(ops, BASE, carried.files, () => {}))
}

const see = (model: Model, text: string, edit: readonly Change[] = []): Promise<TextRun> =>
  runText(model, { text, edit }, async () => {})

const hookOf = (layer: number) => `blocks.${layer}.hook_resid_pre`

/** The activations of a feature that fires in the text, one a token, and its direction. */
async function aFeature(model: Model, seen: TextRun, layer: number) {
  const { indices, values, offsets } = seen.layers[layer].features
  const feature = indices[values.indexOf(Math.max(...values))]
  const activations = Float32Array.from(seen.tokens, (_, token) => {
    const entry = indices.subarray(offsets[token], offsets[token + 1]).indexOf(feature)
    return entry < 0 ? 0 : values[offsets[token] + entry]
  })
  const direction = (await decoderRows(model.saes[layer]!, [feature])).row(0)
  return { feature, activations, direction }
}

/** What the model says of each next token after rows of a stream: float64, by the reference's loops. */
async function lensOf(
  stream: { rows(from: number, to: number): Parameters<Backend['upload']>[0] },
  token: number,
) {
  const { ops, weights, config } = reference.gpt2
  const normalized = await ops.layerNorm(ops.upload(stream.rows(token, token + 1)), weights.ln_f, config.eps)
  return (await ops.download(await ops.linear(normalized, weights.wte))).row(0)
}

const [reference, wasm] = [await open('reference'), await open('wasm', { threads: 2 })]

for (const [name, model] of Object.entries({ wasm, reference })) {
  const test = suite(`runText on ${name}`)
  const seen = await see(model, TEXT)
  const ids = seen.tokens.map(({ id }) => id)

  test('the tokens: BOS first, characters that are split shown whole and in bytes', async () => {
    const { tokens } = seen
    assert.is(tokens[0].id, 4096)
    assert.is(tokens[0].shown, '<|endoftext|>')
    assert.is(
      tokens
        .slice(1)
        .map(({ piece }) => piece)
        .join(''),
      TEXT,
    )
    assert.ok(tokens.some(({ piece, shown }) => piece === '' && shown.startsWith('⟨')))
  })

  test('features are those that npm run capture writes, bit for bit, without BOS’s', async () => {
    const streams = await capture(
      model.gpt2,
      [ids],
      model.saes.map((sae) => sae!.config.hookName),
    )
    assert.is(seen.layers.length, 6)
    for (const [layer, { features }] of seen.layers.entries()) {
      const hook = hookOf(layer)
      const captured = await encodeStream(model.gpt2.ops, model.saes[layer]!, streams.get(hook)!)
      const shape = [ids.length, 1024]
      assert.is(features.hook, hook)
      assert.equal([features.offsets[0], features.offsets[1]], [0, 0])
      for (let token = 1; token < ids.length; token++)
        assert.equal(sparseRow({ shape, ...features }, token), sparseRow(captured, token))
    }
  })

  test('attention and neurons are the model’s own', async () => {
    const names = (place: string) => [0, 1, 2, 3, 4, 5].map((layer) => `blocks.${layer}.${place}`)
    const captured = await capture(
      model.gpt2,
      [ids],
      [...names('attn.hook_pattern'), ...names('mlp.hook_post')],
    )
    for (const { layer, attention, neurons } of seen.layers) {
      assert.equal(attention, captured.get(`blocks.${layer}.attn.hook_pattern`)!.data)
      const posts = captured.get(`blocks.${layer}.mlp.hook_post`)!
      for (const token of ids.keys()) {
        const row = posts.row(token)
        const [from, to] = [token * neurons.perToken, (token + 1) * neurons.perToken]
        const sorted = [...row.keys()].sort((a, b) => row[b] - row[a] || a - b).slice(0, 12)
        assert.equal([...neurons.indices.subarray(from, to)], sorted)
        assert.equal(
          neurons.values.subarray(from, to),
          Float32Array.from(sorted, (i) => row[i]),
        )
      }
    }
  })

  test('the logit lens is the model’s answer if it stopped there; after the last layer it is the answer', async () => {
    const captured = await capture(model.gpt2, [ids], ['blocks.2.hook_resid_post', 'logits'])
    const token = 5
    const logits = await lensOf(captured.get('blocks.2.hook_resid_post')!, token)
    const { lens } = seen.layers[2]
    for (let i = token * 5; i < token * 5 + 5; i++)
      assert.ok(Math.abs(lens.values[i] - Math.exp(logProbability(logits, lens.indices[i]))) < 1e-5)
    const best = logits.reduce((best, logit, id) => (logit > logits[best] ? id : best), 0)
    assert.is(lens.indices[token * 5], best)
    const { next, names } = seen
    const last = seen.layers[5].lens
    for (const row of ids.keys()) {
      assert.equal(last.indices.subarray(row * 5, row * 5 + 5), next.indices.subarray(row * 10, row * 10 + 5))
      const p = Math.exp(logProbability(captured.get('logits')!.row(row), next.indices[row * 10]))
      assert.ok(Math.abs(next.values[row * 10] - p) < 1e-5)
    }
    for (const { lens } of seen.layers) for (const id of lens.indices) assert.type(names.get(id), 'string')
    assert.is(names.get(next.indices[0]), model.tokenizer.pieces([next.indices[0]])[0])
  })

  for (const kind of ['off', 'scale', 'up'] as const)
    test(`a feature turned ${kind} does what experiments/ablation measures`, async () => {
      const { feature, activations, direction } = await aFeature(model, seen, 3)
      const hook = hookOf(3)
      const { coefficients, change } = {
        off: { coefficients: removal([activations])[0], change: { kind: 'off' } as const },
        // Three times as much: twice its activations are added.
        scale: {
          coefficients: removal([activations.map((value) => -2 * value)])[0],
          change: { kind: 'scale', factor: 3 } as const,
        },
        up: {
          coefficients: steering([ids.length], 4)[0],
          change: { kind: 'up', coefficient: 4 } as const,
        },
      }[kind]
      const edit: Change[] = [{ layer: 3, feature, ...change }]
      const { edited, next } = await see(model, TEXT, edit)
      assert.equal(edited!.edit, edit)
      assert.equal(next, seen.next)

      const { effects } = await measureEdits(
        model.gpt2,
        [ids],
        [{ hook, direction, coefficients: [coefficients] }],
      )
      const kl = edited!.kl.reduce((sum, value) => sum + value, 0)
      assert.ok(kl > 1e-3, `${kl}`)
      assert.ok(Math.abs(kl - effects[0][0].kl) < 1e-4 * kl, `${kl} and ${effects[0][0].kl}`)
      assert.is(edited!.kl[0], 0) // BOS is not edited, and sees nothing that is

      let logits = (await capture(model.gpt2, [ids], ['logits'])).get('logits')!
      await run(model.gpt2, [ids], {
        [hook]: addDirection(coefficients, direction),
        logits: async (x, ops) => void (logits = await ops.download(x)),
      })
      for (const [i, id] of next.indices.entries()) {
        const p = Math.exp(logProbability(logits.row(Math.floor(i / 10)), id))
        assert.ok(Math.abs(edited!.nextAfter[i] - p) < 1e-5)
      }
      const row = ids.length - 1
      const best = logits.row(row).reduce((best, logit, id, all) => (logit > all[best] ? id : best), 0)
      assert.is(edited!.next.indices[row * 10], best)
    })

  test('a head turned off adds nothing, a neuron turned off is 0: as the model is without them', async () => {
    const [layer, head, neuron] = [2, 1, seen.layers[2].neurons.indices[5 * 12]]
    const results = (await capture(model.gpt2, [ids], [`blocks.${layer}.attn.hook_result`]))
      .values()
      .next().value!
    const { nHeads, dModel } = model.gpt2.config
    const heads: Hook = onHost(({ shape, data }) => {
      const ofHead = (i: number) =>
        results.data[(Math.floor(i / dModel) * nHeads + head) * dModel + (i % dModel)]
      return new Tensor(
        shape,
        data.map((value, i) => value - ofHead(i)),
      )
    })
    const neurons: Hook = onHost(({ shape, data }) => {
      const width = shape[1]
      return new Tensor(
        shape,
        data.map((value, i) => (i % width === neuron ? 0 : value)),
      ) // gelu(0) is 0
    })
    for (const [change, hook, by] of [
      [{ kind: 'head', layer, head }, `blocks.${layer}.hook_attn_out`, heads],
      [{ kind: 'neuron', layer, neuron }, `blocks.${layer}.mlp.hook_pre`, neurons],
    ] as const) {
      const { edited } = await see(model, TEXT, [change])
      let logits: Tensor | undefined
      await run(model.gpt2, [ids], {
        [hook]: by,
        logits: async (x, ops) => void (logits = await ops.download(x)),
      })
      for (const [i, id] of seen.next.indices.entries()) {
        const p = Math.exp(logProbability(logits!.row(Math.floor(i / 10)), id))
        assert.ok(Math.abs(edited!.nextAfter[i] - p) < 1e-5, `${change.kind}, ${i}`)
      }
      assert.ok(Math.max(...edited!.kl) > 1e-4, `${change.kind}: ${Math.max(...edited!.kl)}`)
    }
  })

  test('several changes are made together, each on what those before it left', async () => {
    const { feature } = await aFeature(model, seen, 3)
    const edit: Change[] = [
      { kind: 'head', layer: 4, head: 2 },
      { kind: 'up', layer: 3, feature, coefficient: 2 },
      { kind: 'up', layer: 3, feature, coefficient: 3 },
      { kind: 'off', layer: 3, feature },
    ]
    const { edited } = await see(model, TEXT, edit)
    const together = await see(model, TEXT, [
      edit[0],
      { kind: 'up', layer: 3, feature, coefficient: 5 },
      edit[3],
    ])
    for (const [i, p] of edited!.nextAfter.entries())
      assert.ok(Math.abs(p - together.edited!.nextAfter[i]) < 1e-4)
    const alone = await see(model, TEXT, [edit[0]])
    assert.ok(edited!.nextAfter.some((p, i) => Math.abs(p - alone.edited!.nextAfter[i]) > 1e-3))
  })

  test('a feature that fires nowhere, turned off, changes nothing at all', async () => {
    const fires = new Set(seen.layers[2].features.indices)
    const feature = Array.from({ length: 1024 }, (_, i) => i).find((i) => !fires.has(i))!
    const { edited } = await see(model, TEXT, [{ layer: 2, feature, kind: 'off' }])
    assert.equal(edited!.kl, new Float32Array(seen.tokens.length))
    assert.equal(edited!.next, seen.next)
    assert.equal(edited!.nextAfter, seen.next.values)
  })

  test('an empty text is BOS alone', async () => {
    const empty = await see(model, '')
    assert.equal(
      empty.tokens.map(({ id }) => id),
      [4096],
    )
    assert.is(empty.layers[5].features.values.length, 0)
    assert.is(empty.next.values.length, 10)
  })

  test.run()
}

const bits = suite('runText on other widths and threads')

bits('128-bit code and one thread give the same bits as what runs by default', async () => {
  const [usual, narrow] = [
    await see(wasm, TEXT),
    await see(await open('wasm', { threads: 1, paired: false }), TEXT),
  ]
  const numbers = ({ layers, next }: TextRun) => [layers.map(({ ms: _, ...layer }) => layer), next]
  assert.equal(numbers(narrow), numbers(usual))
})

bits.run()
