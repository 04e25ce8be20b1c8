import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Backend, DeviceTensor, Linear } from '../../engine/backend.ts'
import { createBackend, defaultBackend } from '../../engine/backends.ts'
import { openFile } from '../../engine/weights/files-node.ts'
import { openSafetensors } from '../../engine/weights/safetensors.ts'
import { Tensor } from '../../engine/tensor.ts'
import type { WeightStore } from '../../engine/weights/weights.ts'
import type { Gpt2Config } from '../../gpt2/config.ts'
import { loadGpt2, releaseGpt2 } from '../../gpt2/model.ts'
import { openModel, type OpenModel } from '../../experiments/lab/models/models.ts'
import { Checks, passed, type Check } from '../../experiments/tools/verify/check.ts'
import { syntheticLimits, verifySynthetic } from '../../experiments/tools/verify/synthetic.ts'
import { verifyTiny } from '../../experiments/tools/verify/tiny.ts'
import { startBackends } from '../helpers/backends.ts'
import { intercept } from '../helpers/intercept.ts'

// That verification passes, and that it would not if something were wrong. The fault cases run on the default backend.

const repository = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const tinyReference = repository('test/reference/tiny')
const failures = (checks: readonly Check[]) =>
  checks.filter((check) => !passed(check)).map(({ what }) => what)

const all = await startBackends()
const ops = await createBackend(defaultBackend)
const tiny = await openModel('tiny', ops, { quiet: true })
const shortReference = await firstPromptOnly()

for (const ops of all) {
  const test = suite(`verify: ${ops.name}`)

  test('the bundled model and its SAEs compute what the float64 reference has', async () => {
    const model = await openModel('tiny', ops, { quiet: true })
    const checks = await verifyTiny(model, tinyReference)
    assert.equal(failures(checks), [])
    // token ids, mean loss, logits, pattern, MLP output; stream and features at six layers
    assert.is(checks.length, 5 + 2 * 6)
    model.release()
  })

  // Half a gigabyte of weights: the specification and the default are held to it here, each of the others by
  // `npm run verify -- synthetic --backend NAME`.
  if (ops.name === 'reference' || ops.name === defaultBackend)
    test('GPT-2 small’s sizes: one prompt of the synthetic model', async () => {
      const model = await openModel('synthetic', ops, { quiet: true })
      const checks = await verifySynthetic(model, repository('test/reference/synthetic'), {
        prompts: ['one'],
        saeLayers: [],
      })
      assert.equal(failures(checks), [])
      // logits, ten most probable, mean loss; 16 numbers of the stream and its length at twelve layers
      assert.is(checks.length, 3 + 2 * 12)
      model.release()
    })

  test.after(() => ops.dispose())
  test.run()
}

const faults = suite(`verify finds faults: ${defaultBackend}`)

/** Verifies the bundled model after something was done to it. */
async function failuresWith({
  change = (store) => store,
  config = tiny.gpt2.config,
  backend = ops,
  model = {},
}: {
  change?: (store: WeightStore) => WeightStore
  config?: Gpt2Config
  backend?: Backend
  model?: Partial<OpenModel>
}): Promise<string[]> {
  const store = await openSafetensors(await openFile(repository('gpt2/tiny/model.safetensors')))
  const gpt2 = await loadGpt2(backend, change(store), config)
  await store.close()
  const checks = await verifyTiny({ ...tiny, gpt2, ...model }, shortReference)
  releaseGpt2(gpt2)
  return failures(checks)
}

/** The reference outputs of the first prompt, which has all kinds of them: a fault must show there. */
async function firstPromptOnly(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'clearbox-'))
  const { prompts } = JSON.parse(await readFile(join(tinyReference, 'reference.json'), 'utf8')) as {
    prompts: unknown[]
  }
  await writeFile(join(folder, 'reference.json'), JSON.stringify({ prompts: prompts.slice(0, 1) }))
  await cp(join(tinyReference, 'reference.safetensors'), join(folder, 'reference.safetensors'))
  return folder
}

/** The same store with 0.01 added to one number of one tensor. */
const nudge =
  (name: string, element: number) =>
  (store: WeightStore): WeightStore => ({
    ...store,
    names: () => store.names(),
    get(wanted) {
      const source = store.get(wanted)
      if (wanted !== name) return source
      return {
        ...source,
        async read(into, start) {
          await source.read(into, start)
          if (element >= start && element < start + into.length) into[element - start] += 0.01
        },
      }
    },
  })

faults('the model as it is passes', async () => {
  assert.equal(await failuresWith({}), [])
})

faults('one weight off by 0.01', async () => {
  const early = await failuresWith({ change: nudge('h.0.attn.c_attn.weight', 1234) })
  assert.ok(early.includes('logits') && early.includes('blocks.1.hook_resid_pre'), early.join())
  const late = await failuresWith({ change: nudge('h.5.mlp.c_proj.bias', 77) })
  assert.ok(late.includes('logits'), late.join())
  assert.not.ok(late.includes('blocks.5.hook_resid_pre'), late.join())
})

faults('two layers swapped', async () => {
  const swap = (store: WeightStore): WeightStore => {
    const other = (name: string) => name.replace(/^h\.([23])\./, (_, layer) => `h.${layer === '2' ? 3 : 2}.`)
    return { ...store, names: () => store.names(), get: (name) => store.get(other(name)) }
  }
  const failed = await failuresWith({ change: swap })
  assert.ok(failed.includes('blocks.3.hook_resid_pre') && failed.includes('logits'), failed.join())
  assert.not.ok(failed.includes('blocks.2.hook_resid_pre'), failed.join())
})

faults('another eps', async () => {
  assert.ok((await failuresWith({ config: { ...tiny.gpt2.config, eps: 1e-6 } })).includes('logits'))
})

faults('GELU with the exact error function', async () => {
  /** erf by its series; terms alternate, and |x| is small enough in float64. */
  const erf = (x: number): number => {
    if (Math.abs(x) > 4) return Math.sign(x)
    let [term, sum] = [x, x]
    for (let n = 1; n < 80; n++) {
      term *= (-x * x) / n
      sum += term / (2 * n + 1)
    }
    return (2 / Math.sqrt(Math.PI)) * sum
  }
  const exactGelu = (x: number) => (x / 2) * (1 + erf(x / Math.SQRT2))
  const exactLinear = async (ops: Backend, x: DeviceTensor, layer: Linear) => {
    const pre = await ops.download(await ops.linear(x, layer))
    return ops.upload(new Tensor(pre.shape, pre.data.map(exactGelu)))
  }
  const backend = intercept(ops, (op, args, call, ops) => {
    const [x, layer, options] = args as Parameters<Backend['linear']>
    return op === 'linear' && options?.activation === 'gelu' ? exactLinear(ops, x, layer) : call()
  })
  const failed = await failuresWith({ backend })
  assert.ok(failed.includes('logits') && failed.includes('blocks.1.hook_resid_pre'), failed.join())
})

faults('an SAE of another layer, and one that reads the stream uncentred', async () => {
  const [, first, second] = tiny.saeHooks
  const openSae = async (hook: string) => {
    if (hook === first) return { ...(await tiny.openSae(second)), config: tiny.saeConfig(hook) }
    const sae = await tiny.openSae(hook)
    return hook === second ? { ...sae, config: { ...sae.config, centered: false } } : sae
  }
  const features = [first, second].map((hook) => `${hook}.hook_sae_acts_post`)
  assert.equal(await failuresWith({ model: { openSae } }), features)
})

faults('checks: NaN, missing numbers and no numbers fail; the limit itself passes', () => {
  const checkOf = (limit: number, got: number[], expected: number[]): Check => {
    const checks = new Checks('m')
    checks.compare('x', limit, got, expected)
    return checks.list()[0]
  }
  assert.ok(passed(checkOf(0.5, [1, 2], [1.5, 2])))
  assert.not.ok(passed(checkOf(0.4, [1, 2], [1.5, 2])))
  assert.not.ok(passed(checkOf(9, [1, NaN], [1, 2])))
  assert.not.ok(passed(checkOf(9, [1, 2], [1, NaN])))
  assert.not.ok(passed(checkOf(9, [1], [1, 2])))
  assert.not.ok(passed(checkOf(9, [1, 2, 3], [1, 2])))
  assert.not.ok(passed(checkOf(9, [], [])))
  for (const wrong of [checkOf(9, [1, NaN], [1, 2]), checkOf(9, [1], [1, 2])])
    assert.is(wrong.error, Infinity)
})

faults('checks: the largest error of all prompts counts', () => {
  const checks = new Checks('m')
  for (const error of [0, 3, 1]) checks.compare('x', 2, [error, 0], [0, 0])
  assert.equal(checks.list(), [{ model: 'm', what: 'x', count: 6, error: 3, limit: 2 }])
})

faults('the limits on synthetic: tighter for the reference backend', () => {
  assert.equal(syntheticLimits('reference'), { logits: 1e-5, stream: 2e-5 })
  for (const name of ['wasm', 'gpujs:webgl2'])
    assert.equal(syntheticLimits(name), { logits: 2e-5, stream: 6e-5 })
})

faults.after(async () => {
  await rm(shortReference, { recursive: true })
  tiny.release()
  await ops.dispose()
})
faults.run()
