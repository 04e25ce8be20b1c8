// A neuron's card in the Explorer's worker: the model's own activations, and its row of c_proj as the unembedding reads it.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createBackend } from '../../engine/backends.ts'
import { Tensor } from '../../engine/tensor.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import { capture } from '../../gpt2/model.ts'
import { startSession } from '../helpers/explorer.ts'

const TEXT = 'for i in range(10):'
const [layer, neuron] = [2, 7]
const session = startSession()
await session.ask({ type: 'open', backend: { name: 'reference' } })

const test = suite('explorer: a neuron’s card')

test('its activations are the model’s, and its tokens those that its output direction moves most', async () => {
  await session.ask({ type: 'neuron', id: 1, text: TEXT, layer, neuron })
  const [{ card }] = session.of('neuron')
  const ops = await createBackend('reference')
  const model = await openModel('tiny', ops, { quiet: true })
  const { gpt2 } = model
  const ids = model.tokenize(TEXT)
  const post = (await capture(gpt2, [ids], ['blocks.2.mlp.hook_post'])).get('blocks.2.mlp.hook_post')!
  assert.equal(
    [...card.values],
    ids.map((_, token) => post.row(token)[neuron]),
  )
  assert.ok(card.values.some((value) => value > 0))

  // One unit more of the neuron at the last token, by a hook, read behind LayerNorm's linear part: by hand, in float64.
  const added: Float32Array[] = []
  for (const unit of [0, 1])
    await ops.scope(async (ops) => {
      const x = ops.upload(
        Tensor.of(
          [1, 512],
          post.row(1).map((value, i) => (i === neuron ? value + unit : value)),
        ),
      )
      added.push((await ops.download(await ops.linear(x, gpt2.weights.blocks[layer].mlp.c_proj))).data)
    })
  const row = added[1].map((value, i) => value - added[0][i])
  const mean = row.reduce((sum, value) => sum + value, 0) / row.length
  const gain = await ops.download(gpt2.weights.ln_f.weight)
  const embeddings = await ops.download(
    await ops.embed(
      gpt2.weights.lm_head,
      Array.from({ length: gpt2.config.dVocab }, (_, id) => id),
    ),
  )
  const logits = Array.from({ length: gpt2.config.dVocab }, (_, id) =>
    embeddings.row(id).reduce((sum, value, i) => sum + value * gain.data[i] * (row[i] - mean), 0),
  )
  const centre = logits.reduce((sum, value) => sum + value, 0) / logits.length
  const order = [...logits.keys()].sort((a, b) => logits[b] - logits[a])
  for (const [list, expected] of [
    [card.promoted, order.slice(0, 10)],
    [card.suppressed, order.slice(-10).reverse()],
  ] as const)
    for (const [i, { id, logit, token }] of list.entries()) {
      assert.is(id, expected[i])
      assert.ok(Math.abs(logit - (logits[id] - centre)) < 1e-4, `${logit}, expected ${logits[id] - centre}`)
      assert.is(token, model.tokenizer.pieces([id])[0])
    }
})

test('a neuron that there is not is named; a newer text ends the work', async () => {
  await session.ask({ type: 'neuron', id: 2, text: TEXT, layer, neuron: 512 })
  assert.match(session.of('failed')[0].failure.message, /^Layer 2 has no neuron 512\.$/)
  await Promise.all([
    session.session.handle({ type: 'neuron', id: 3, text: TEXT, layer, neuron }),
    session.session.handle({ type: 'run', id: 4, text: 'x', edit: [] }),
  ])
  assert.equal(
    session.of('neuron').map(({ id }) => id),
    [1],
  )
  assert.is(session.of('run').length, 1)
})

test.run()
