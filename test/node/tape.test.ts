import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Backend, DeviceTensor } from '../../engine/backend.ts'
import { createBackend } from '../../engine/backends.ts'
import type { Gradients, Source } from '../../engine/gradients.ts'
import type { SparseRows } from '../../engine/sparse.ts'
import { record, type Tape } from '../../engine/tape.ts'
import { Tensor } from '../../engine/tensor.ts'
import type { WasmTensor } from '../../engine/wasm/tensors.ts'
import { hookNames, onHost, type HookTable } from '../../gpt2/hooks.ts'
import { run, type Gpt2 } from '../../gpt2/model.ts'
import { encode } from '../../sae/encoder.ts'
import { liveEdit } from '../../sae/edit.ts'
import { splice } from '../../sae/splice.ts'
import type { Sae } from '../../sae/weights.ts'
import { reference } from '../helpers/backends.ts'
import { checkSameBits, messageOf } from '../helpers/compare.ts'
import { checkNear } from '../helpers/gradients.ts'
import { randomTensor } from '../helpers/random.ts'
import { randomIds, smallConfig, smallGpt2 } from '../helpers/small-gpt2.ts'
import { randomSaeTensors, saeOf } from '../helpers/small-sae.ts'

const hook = 'blocks.1.hook_resid_pre'
const texts = [randomIds(9, 1), randomIds(5, 2), randomIds(1, 3)]

/** A pass with a tape or without; every named activation, as it left its hook. */
async function activations(
  model: Gpt2,
  names: readonly string[],
  hooks: HookTable = {},
): Promise<Map<string, Tensor>> {
  const seen = new Map<string, Tensor>()
  const keep = (name: string) => async (x: DeviceTensor, ops: Backend) => {
    seen.set(name, await ops.download(x))
  }
  const table = Object.fromEntries(names.map((name) => [name, [hooks[name] ?? [], keep(name)].flat()]))
  await run(model, texts, { ...hooks, ...table })
  return seen
}

/** The gradients of the summed cross entropy of next tokens by what `sources` names once the pass has run. */
async function lossGradients(
  tape: Tape,
  model: Gpt2,
  ids: readonly (readonly number[])[],
  hooks: HookTable,
  sources: () => readonly Source[],
): Promise<Gradients> {
  let loss: DeviceTensor | undefined
  const targets = ids.flatMap((text) => [...text.slice(1), 0])
  const counts = Tensor.of(
    [targets.length],
    ids.flatMap((text) => text.map((_, t) => Number(t + 1 < text.length))),
  )
  await run({ ...model, ops: tape }, ids, {
    ...hooks,
    logits: async (logits, ops) => {
      loss = await ops.crossEntropy(logits, targets)
    },
  })
  return tape.backward(loss!, tape.upload(counts), sources())
}

for (const ops of [reference, await createBackend('wasm')]) {
  const test = suite(`tape: ${ops.name}`)
  test.after(() => ops.dispose())
  const model = await smallGpt2(ops)
  const sae: Sae = await saeOf(ops, randomSaeTensors(smallConfig.dModel, 31, 4), { hookName: hook })
  const first = sae.W_dec

  test('a pass has the same bits with a tape as without, fused or step by step, with an SAE spliced in', async () => {
    const pattern = hookNames(smallConfig)
    const spliced = splice(sae, hook)
    for (const [names, hooks] of [
      [['logits'], {}],
      [pattern, {}],
      [['logits'], spliced],
    ] as const) {
      const expected = await activations(model, names, hooks)
      const got = await record(ops, (tape) => activations({ ...model, ops: tape }, names, hooks))
      assert.is(got.size, names.length)
      for (const [name, x] of expected) checkSameBits(got.get(name)!, x, name)
    }
  })

  test('gradients of several texts at once are the sum of each text’s alone', async () => {
    const weights = [model.weights.wte, model.weights.wpe, model.weights.blocks[0].attn.q, model.weights.ln_f]
    const ofTexts = (ids: readonly (readonly number[])[]) =>
      record(ops, async (tape) => {
        const gradients = await lossGradients(tape, model, ids, {}, () => weights)
        return Promise.all(weights.map((handle) => tape.download(gradients.of(handle).weight)))
      })
    const all = await ofTexts(texts)
    const alone = await Promise.all(texts.map((text) => ofTexts([text])))
    for (const [i, { data }] of all.entries()) {
      const sum = data.map((_, at) => alone.reduce((total, found) => total + found[i].data[at], 0))
      checkNear(data, sum, 1e-5, `weights ${i}`)
    }
  })

  test('an SAE’s own weights, and features at a hook, have gradients through the model', async () => {
    const found = await record(ops, async (tape) => {
      let features: SparseRows | undefined
      const edit = async (f: SparseRows, ops: Backend) => {
        features = f
        return ops.scaleEntries(f, (_, index) => (index % 2 === 0 ? 0 : 2))
      }
      const hooks = splice(sae, hook, edit)
      const sources = () => [features!, sae.encoder, sae.W_dec, sae.b_dec]
      const gradients = await lossGradients(tape, model, texts, hooks, sources)
      const { weight } = gradients.of(sae.W_dec)
      const b_dec = await tape.download(gradients.at(sae.b_dec))
      const dF = gradients.entries(features!)
      return { f: features!, dF, W_dec: await tape.download(weight), b_dec }
    })
    assert.is(found.dF.length, found.f.values.length)
    const [lengths, { offsets, indices }] = [texts.map((text) => text.length), found.f]
    for (const last of [lengths[0] - 1, lengths[0] + lengths[1] - 1, texts.flat().length - 1])
      assert.ok(
        found.dF.subarray(offsets[last], offsets[last + 1]).every((value) => value === 0),
        'nothing comes after a text’s last token',
      )
    for (let entry = 0; entry < offsets[lengths[0] - 1]; entry++)
      assert.is(found.dF[entry] === 0, indices[entry] % 2 === 0, 'what is left out has no gradient')
    assert.ok(found.W_dec.data.some((value) => value !== 0) && found.b_dec.data.some((value) => value !== 0))
  })

  test('taking a feature out while writing is seen by a tape', async () => {
    const x = randomTensor([4, smallConfig.dModel], 8)
    const { offsets, indices } = await record(ops, (tape) => encode(tape, sae, tape.upload(x)))
    const feature = indices[offsets[2]] // active on row 2
    const direction = new Float32Array(smallConfig.dModel)
    const edit = () => liveEdit(sae, feature, direction, { kind: 'off', onFiring: () => {} })[hook]
    const dX = await record(ops, async (tape) => {
      const given = tape.upload(x)
      const y = (await edit()(given, tape))!
      const ones = tape.upload(Tensor.of(y.shape, Array(4 * smallConfig.dModel).fill(1) as number[]))
      return tape.download((await tape.backward(y, ones, [given])).at(given))
    })
    const untouched = dX.row(0).every((value) => value === 1)
    assert.ok(untouched, 'BOS stays as it is')
    assert.ok(
      dX.row(2).some((value) => value !== 1),
      'where the feature is active, what it was is taken away',
    )
  })

  test('what leaves for the host leaves the tape: download and upload again, and onHost', async () => {
    const x = randomTensor([2, 3], 1)
    const found = await record(ops, async (tape) => {
      const given = tape.upload(x)
      const through = tape.upload(await tape.download(given))
      const hooked = await onHost((host) => host)(given, tape)
      const y = await tape.add(await tape.gelu(through), hooked!)
      const one = tape.upload(Tensor.of([2, 3], [1, 1, 1, 1, 1, 1]))
      const gradients = await tape.backward(y, one, [given, through])
      return Promise.all([given, through].map((part) => tape.download(gradients.at(part))))
    })
    assert.equal([...found[0].data], [0, 0, 0, 0, 0, 0])
    assert.ok(found[1].data.every((value) => value !== 0))
  })

  test('sparse rows that a tape did not make are refused, unless they are said to be constant', async () => {
    const rows = {
      shape: [1, 31],
      offsets: Uint32Array.of(0, 1),
      indices: Uint32Array.of(3),
      values: Float32Array.of(2),
    }
    const refused =
      'the sparse rows [1, 31] were made elsewhere, so a gradient would silently end here: ' +
      'edit features by scaleEntries, or pass constant(rows)'
    await record(ops, async (tape) => {
      assert.is(
        await messageOf(() => tape.sparseDecode(rows, first, sae.b_dec)),
        `sparseDecode on a tape: ${refused}`,
      )
      assert.is(await messageOf(() => tape.scaleEntries(rows, () => 2)), `scaleEntries on a tape: ${refused}`)
      const edit = (f: SparseRows): SparseRows => ({ ...f, values: f.values.map((value) => 2 * value) })
      const x = tape.upload(randomTensor([1, smallConfig.dModel], 5))
      assert.match(
        await messageOf(() => splice(sae, hook, edit)[hook](x, tape)),
        'edit features by scaleEntries',
      )
      await splice(sae, hook, (f) => tape.constant(edit(f)))[hook](x, tape)
    })
  })

  test('what cannot be asked of a tape is refused', async () => {
    const x = randomTensor([2, 3], 1)
    await record(ops, async (tape) => {
      const given = tape.upload(x)
      const y = await tape.gelu(given)
      const cache = tape.createCache(2, 3)
      assert.is(
        await messageOf(() => tape.append(cache, y)),
        'append on a tape: a cache has no gradients; run the text as a whole, without a cache',
      )
      tape.release(cache)
      assert.is(
        await messageOf(() => tape.backward(given, given, [given])),
        'backward: this tape did not make the output [2, 3]',
      )
      assert.is(
        await messageOf(() => tape.backward(y, tape.upload(randomTensor([3, 2], 1)), [given])),
        'backward: the output is [2, 3], but its gradient [3, 2]: give one of its shape',
      )
      const gradients = await tape.backward(y, given, [given])
      assert.is(
        await messageOf(() => gradients.at(y)),
        'gradients: the tensor [2, 3] was not among backward’s sources: name what you ask for there',
      )
      assert.is(
        await messageOf(() => gradients.of(first)),
        'gradients: these weights were not among backward’s sources: name what you ask for there',
      )
    })
  })

  test('a hook that the host works out has no gradient and cannot be changed, and says so; every other has one', async () => {
    const names = hookNames(smallConfig)
    const ofHost = names.filter((name) => /hook_(scale|normalized|attn_scores|result)$/.test(name))
    assert.is(ofHost.length, 2 + 6 * smallConfig.nLayers)
    await record(ops, async (tape) => {
      const seen = new Map<string, DeviceTensor>()
      const watch = (name: string) => async (x: DeviceTensor) => void seen.set(name, x)
      const hooks = Object.fromEntries(names.map((name) => [name, watch(name)]))
      await run({ ...model, ops: tape }, [[1, 2, 3]], hooks)
      const logits = seen.get('logits')!
      const gradient = tape.upload(randomTensor(logits.shape, 5))
      for (const name of names) {
        const asked = () => tape.backward(logits, gradient, [seen.get(name)!])
        if (ofHost.includes(name))
          assert.is(
            await messageOf(asked),
            `backward: ${name} is computed by the host, outside the pass, so it has no gradient: ask at another hook`,
          )
        else {
          const { data } = await tape.download((await asked()).at(seen.get(name)!))
          assert.ok(
            data.some((value) => value !== 0),
            name,
          )
        }
      }
      for (const name of ofHost)
        assert.match(
          await messageOf(() =>
            run({ ...model, ops: tape }, [[1, 2, 3]], {
              [name]: onHost((x) => x.like(x.shape)),
              logits: watch(''),
            }),
          ),
          `hook ${name}: a change here passes through host memory, where a gradient would silently end`,
        )
    })
  })

  test('what the output does not depend on has a gradient of zeros', async () => {
    await record(ops, async (tape) => {
      const [a, b] = [1, 2].map((seed) => tape.upload(randomTensor([2, 3], seed)))
      const gradients = await tape.backward(await tape.gelu(a), a, [b, sae.encoder, first])
      for (const part of [gradients.at(b), gradients.of(sae.encoder).weight, gradients.of(first).weight])
        assert.ok((await tape.download(part)).data.every((value) => value === 0))
      assert.equal(gradients.of(sae.encoder).bias?.shape, [31])
    })
  })

  test('a second backward finds the same bits: the first has used nothing up', async () => {
    await record(ops, async (tape) => {
      const x = tape.upload(randomTensor([3, smallConfig.dModel], 3))
      const y = await tape.layerNorm(await tape.add(x, x), model.weights.ln_f, 1e-5)
      const find = async () => tape.download((await tape.backward(y, y, [x])).at(x))
      checkSameBits(await find(), await find())
    })
  })

  test.run()
}

const memory = suite('tape: memory')

memory('1,000 steps leave it flat; a scope frees what no rule needs', async () => {
  const ops = await createBackend('wasm')
  const model = await smallGpt2(ops)
  const sources = [model.weights.wte, model.weights.blocks[0].mlp.c_fc]
  const step = () =>
    record(ops, async (tape) => {
      await lossGradients(tape, model, texts, {}, () => sources)
    })
  const { arena } = (ops.upload(Tensor.zeros([1])) as WasmTensor).block
  const taken = () => [arena.usedBytes, arena.memory.buffer.byteLength]
  for (let i = 0; i < 3; i++) await step()
  const before = taken()
  for (let i = 0; i < 1000; i++) await step()
  assert.equal(taken(), before)

  await record(ops, async (tape) => {
    const x = tape.upload(Tensor.zeros([100, 100]))
    const used = async (op: (inside: Backend) => Promise<DeviceTensor>) => {
      const before = arena.usedBytes
      await tape.scope(async (inside) => void (await op(inside)))
      return arena.usedBytes - before
    }
    assert.is(await used((inside) => inside.add(x, x)), 0, 'add’s rule needs no number')
    assert.ok((await used((inside) => inside.softmax(x))) >= 40000, 'softmax’s rule needs what it made')
  })
  assert.equal(taken(), before)
  await ops.dispose()
})

memory('a backend without rules is refused', async () => {
  const { name, mode } = reference
  assert.is(
    await messageOf(() => record({ name, mode } as Backend, async () => {})),
    'reference has no backward rules: take gradients on a backend that createBackend gives',
  )
})

memory.run()
