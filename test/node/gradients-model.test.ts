import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { DeviceTensor } from '../../engine/backend.ts'
import type { WeightGradient, Weights } from '../../engine/backward.ts'
import { createBackend } from '../../engine/backends.ts'
import { record } from '../../engine/tape.ts'
import { Tensor } from '../../engine/tensor.ts'
import type { Gpt2Config } from '../../gpt2/config.ts'
import { hookNames } from '../../gpt2/hooks.ts'
import { loadGpt2, releaseGpt2, run, type Gpt2 } from '../../gpt2/model.ts'
import { syntheticWeights } from '../../gpt2/synthetic/weights.ts'
import type { Gpt2Weights } from '../../gpt2/weights.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import { reference } from '../helpers/backends.ts'
import { checkNear, turned } from '../helpers/gradients.ts'

// The whole model's gradients against PyTorch's in float64, which test/reference/make-gradient-fixture.py wrote.

interface Summary {
  readonly largest: number
  readonly length: number
  readonly at: readonly number[]
  readonly values: readonly number[]
}

interface Fixture {
  readonly config: Record<'n_layers' | 'd_model' | 'n_heads' | 'd_mlp' | 'n_ctx' | 'd_vocab' | 'eps', number>
  readonly texts: readonly (readonly number[])[]
  readonly loss: number
  readonly gradients: Readonly<Record<string, Summary>>
}

const fixtures = JSON.parse(
  readFileSync(new URL('../reference/gradients.json', import.meta.url), 'utf8'),
) as Readonly<Record<'tiny' | 'block', Fixture>>

function configOf({ config }: Fixture): Gpt2Config {
  const { n_layers, d_model, n_heads, d_mlp, n_ctx, d_vocab, eps } = config
  const sizes = { nLayers: n_layers, dModel: d_model, nHeads: n_heads, dMlp: d_mlp, nCtx: n_ctx }
  const kind = { activation: 'gelu', scaledByHead: true, scaledByLayer: false, untied: false } as const
  return { ...sizes, ...kind, dHead: d_model / n_heads, dVocab: d_vocab, eps, bos: d_vocab - 1 }
}

/** The gradient of the mean cross-entropy of next tokens by the logits: (softmax - 1 at the next token) / predictions. */
function lossGradient(logits: Tensor, texts: readonly (readonly number[])[]): Tensor {
  const gradient = Tensor.zeros(logits.shape)
  const predictions = texts.flat().length - texts.length
  let row = 0
  for (const ids of texts)
    for (let t = 0; t < ids.length; t++, row++) {
      if (t + 1 === ids.length) continue
      const numbers = Array.from(logits.row(row))
      const largest = Math.max(...numbers)
      const total = numbers.reduce((sum, x) => sum + Math.exp(x - largest), 0)
      for (const [i, x] of numbers.entries())
        gradient.row(row)[i] = (Math.exp(x - largest) / total - Number(i === ids[t + 1])) / predictions
    }
  return gradient
}

/** Every weight, by its name in the checkpoint or, of c_attn's parts, with the part behind it. */
function namedWeights({ wte, wpe, blocks, ln_f }: Gpt2Weights): [string, Weights][] {
  return [
    ['wte', wte],
    ['wpe', wpe],
    ...blocks.flatMap(({ ln_1, attn, ln_2, mlp }, layer): [string, Weights][] => [
      [`h.${layer}.ln_1`, ln_1],
      [`h.${layer}.attn.c_attn q`, attn.q],
      [`h.${layer}.attn.c_attn k`, attn.k],
      [`h.${layer}.attn.c_attn v`, attn.v],
      [`h.${layer}.attn.c_proj`, attn.c_proj],
      [`h.${layer}.ln_2`, ln_2],
      [`h.${layer}.mlp.c_fc`, mlp.c_fc],
      [`h.${layer}.mlp.c_proj`, mlp.c_proj],
    ]),
    ['ln_f', ln_f],
  ]
}

/** Hooks that the pass goes through; the others are worked out beside it where they are looked at, and nothing depends on them. */
function passedHooks(config: Gpt2Config): string[] {
  const beside = /hook_scale$|\.hook_normalized$|hook_attn_scores$|hook_result$|^unembed.hook_out$/
  return hookNames(config).filter((name) => !beside.test(name))
}

/** The gradients of the mean loss by every weight, and by every hook if they are asked for, by the fixture's names. */
async function modelGradients(
  model: Gpt2,
  texts: readonly (readonly number[])[],
  { hooks }: { hooks: boolean },
): Promise<Map<string, Tensor>> {
  const weights = namedWeights(model.weights)
  return record(model.ops, async (tape) => {
    const seen = new Map<string, DeviceTensor>()
    let dLogits: DeviceTensor | undefined
    const names = hooks ? passedHooks(model.config) : ['logits']
    const watch = (name: string) => async (x: DeviceTensor) => {
      seen.set(name, x)
      if (name === 'logits') dLogits = tape.upload(lossGradient(await tape.download(x), texts))
    }
    await run({ ...model, ops: tape }, texts, Object.fromEntries(names.map((name) => [name, watch(name)])))
    const sources = [...seen.values(), ...weights.map(([, handle]) => handle)]
    const gradients = await tape.backward(seen.get('logits')!, dLogits!, sources)
    const found = new Map<string, Tensor>()
    for (const [name, x] of seen) found.set(name, await tape.download(gradients.at(x)))
    for (const [name, handle] of weights) {
      const gradient: WeightGradient = gradients.of(handle)
      found.set(`${name}.weight`, await tape.download(gradient.weight))
      if (gradient.bias) found.set(`${name}.bias`, await tape.download(gradient.bias))
    }
    joinParts(found, model.config)
    return found
  })
}

/** c_attn's three parts side by side, and wte as it is stored. */
function joinParts(found: Map<string, Tensor>, { nLayers, dModel }: Gpt2Config): void {
  for (let layer = 0; layer < nLayers; layer++)
    for (const kind of ['weight', 'bias']) {
      const name = `h.${layer}.attn.c_attn`
      const parts = ['q', 'k', 'v'].map((part) => found.get(`${name} ${part}.${kind}`)!)
      const rows = kind === 'weight' ? dModel : 1
      const joined = Tensor.zeros([rows, 3 * dModel])
      for (const [part, tensor] of parts.entries())
        for (let row = 0; row < rows; row++)
          joined.row(row).set(tensor.data.subarray(row * dModel, (row + 1) * dModel), part * dModel)
      found.set(`${name}.${kind}`, joined)
    }
  found.set('wte.weight', turned(found.get('wte.weight')!))
}

function checkSummary(name: string, got: Tensor, expected: Summary, limit: number): void {
  const { largest, length, at, values } = expected
  const largestGot = got.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const lengthGot = Math.sqrt(got.data.reduce((sum, value) => sum + value * value, 0))
  checkNear([largestGot], [largest], limit, `${name}, largest`)
  checkNear([lengthGot], [length], limit, `${name}, length`)
  for (const [i, index] of at.entries()) {
    const error = Math.abs(got.data[index] - values[i])
    assert.ok(
      error <= limit * largest,
      `${name}[${index}] is ${got.data[index]}, expected ${values[i]} within ${limit} of ${largest}`,
    )
  }
}

async function checkCase(
  model: Gpt2,
  { texts, gradients }: Fixture,
  limit: number,
  { hooks }: { hooks: boolean },
): Promise<void> {
  const found = await modelGradients(model, texts, { hooks })
  const names = Object.keys(gradients)
  assert.is(names.length, passedHooks(model.config).length + 4 + 12 * model.config.nLayers)
  for (const name of names) {
    const got = found.get(name)
    if (got) checkSummary(name, got, gradients[name], limit)
    else assert.ok(!hooks && passedHooks(model.config).includes(name), `no gradient of ${name}`)
  }
}

const backends = [
  [reference, 1e-5],
  [await createBackend('wasm'), 1e-4],
] as const
for (const [ops, limit] of backends) {
  const test = suite(`gradients against PyTorch: ${ops.name}`)
  test.after(() => ops.dispose())

  test('the bundled model: every weight and every hook; and the weights alone, through the fused ops', async () => {
    const model = await openModel('tiny', ops, { quiet: true })
    for (const hooks of [true, false]) await checkCase(model.gpt2, fixtures.tiny, limit, { hooks })
    model.release()
  })

  test('one block of GPT-2 small’s sizes: every weight and every hook', async () => {
    const config = configOf(fixtures.block)
    const model = await loadGpt2(ops, syntheticWeights(config), config)
    await checkCase(model, fixtures.block, limit, { hooks: true })
    releaseGpt2(model)
  })

  test.run()
}
