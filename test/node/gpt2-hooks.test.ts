import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Tensor, type Shape } from '../../engine/tensor.ts'
import { hookNames, onHost, type Hook, type HookTable } from '../../gpt2/hooks.ts'
import { capture, run, type Gpt2 } from '../../gpt2/model.ts'
import { startBackends } from '../helpers/backends.ts'
import { checkSameBits, messageOf } from '../helpers/compare.ts'
import { countOps } from '../helpers/intercept.ts'
import { randomIds, smallConfig, smallGpt2 } from '../helpers/small-gpt2.ts'

const { nLayers, dModel, nHeads, dHead, dMlp, dVocab } = smallConfig
const everyHook = hookNames(smallConfig)
const texts = [randomIds(7, 1), randomIds(1, 2), randomIds(10, 3)]
const rows = texts.flat().length
const longest = 10

/** What TransformerLens' documentation says each hook sees, texts laid end to end. */
function shapeAt(name: string): Shape {
  const hook = name.replace(/^blocks\.\d+\./, '')
  if (/^attn\.hook_[qkvz]$/.test(hook)) return [rows, nHeads, dHead]
  if (hook === 'attn.hook_pattern' || hook === 'attn.hook_attn_scores') return [nHeads, rows, longest]
  if (hook === 'attn.hook_result') return [rows, nHeads, dModel]
  if (hook.endsWith('hook_scale')) return [rows, 1]
  if (hook.startsWith('mlp.')) return [rows, dMlp]
  return [rows, hook === 'logits' || hook === 'unembed.hook_out' ? dVocab : dModel]
}

const models: Gpt2[] = []
for (const ops of await startBackends()) models.push(await smallGpt2(ops))

for (const model of models) {
  const { ops } = model
  const test = suite(`gpt2 hooks: ${ops.name}`)

  /** Captures every hook while `interventions` are at work; what they return is what is captured. */
  const captureWith = async (interventions: HookTable): Promise<Map<string, Tensor>> => {
    const captured = new Map<string, Tensor>()
    const keep = (name: string): Hook[] => [
      ...[interventions[name] ?? []].flat(),
      async (x, ops) => void captured.set(name, await ops.download(x)),
    ]
    await run(model, texts, Object.fromEntries(everyHook.map((name) => [name, keep(name)])))
    return captured
  }
  const clean = await captureWith({})

  test('every name is reached once, in the order given, with its shape', async () => {
    const reached: string[] = []
    const note = (name: string): Hook => {
      return async (x) => {
        reached.push(name)
        assert.equal(x.shape, shapeAt(name), name)
      }
    }
    await run(model, texts, Object.fromEntries(everyHook.toReversed().map((name) => [name, note(name)])))
    assert.equal(reached, everyHook)
    assert.is(everyHook.length, 2 + 18 * nLayers + 5)
  })

  test('what is captured fits together', async () => {
    const at = (name: string) => clean.get(name)!
    const sum = (a: string, b: string) => at(a).data.map((value, i) => value + at(b).data[i])
    const close = (got: Float32Array, name: string) => {
      for (const [i, value] of got.entries()) assert.ok(Math.abs(value - at(name).data[i]) < 1e-5, name)
    }
    close(sum('hook_embed', 'hook_pos_embed'), 'blocks.0.hook_resid_pre')
    for (let layer = 0; layer < nLayers; layer++) {
      const name = (hook: string) => `blocks.${layer}.${hook}`
      close(sum(name('hook_resid_pre'), name('hook_attn_out')), name('hook_resid_mid'))
      close(sum(name('hook_resid_mid'), name('hook_mlp_out')), name('hook_resid_post'))
      if (layer + 1 < nLayers)
        checkSameBits(at(`blocks.${layer + 1}.hook_resid_pre`), at(name('hook_resid_post')))
    }
  })

  test('looking changes no bit: one hook, the logits alone, or all hooks', async () => {
    const logits = (await capture(model, texts, ['logits'])).get('logits')!
    checkSameBits(clean.get('logits')!, logits, 'logits, all hooks watched')
    for (const name of everyHook)
      checkSameBits((await capture(model, texts, [name])).get(name)!, clean.get(name)!, `${name} alone`)
  })

  test('an intervention that returns what it was given changes no bit', async () => {
    const identities: Hook[] = [
      async (x) => x,
      onHost((x) => x),
      onHost((x) => new Tensor(x.shape, x.data.slice())),
    ]
    for (const identity of identities) {
      const after = await captureWith(Object.fromEntries(everyHook.map((name) => [name, identity])))
      for (const name of everyHook) checkSameBits(after.get(name)!, clean.get(name)!, name)
    }
  })

  test('an intervention changes itself, the logits, and nothing before it', async () => {
    const nudge = onHost(
      (x) =>
        new Tensor(
          x.shape,
          x.data.map((value, i) => value + (i % 3) / 4),
        ),
    )
    for (const [at, name] of everyHook.entries()) {
      const after = await captureWith({ [name]: nudge })
      const differs = (other: string) => String(after.get(other)!.data) !== String(clean.get(other)!.data)
      for (const earlier of everyHook.slice(0, at))
        checkSameBits(after.get(earlier)!, clean.get(earlier)!, `${earlier} under a change at ${name}`)
      assert.ok(differs(name), name)
      assert.ok(differs('logits'), `logits under a change at ${name}`)
    }
  })

  test('several hooks at one point run in order, each on what the one before left', async () => {
    const name = 'blocks.1.hook_resid_mid'
    const plus = onHost(
      (x) =>
        new Tensor(
          x.shape,
          x.data.map((value) => value + 1),
        ),
    )
    const times = onHost(
      (x) =>
        new Tensor(
          x.shape,
          x.data.map((value) => value * 2),
        ),
    )
    const seen: Tensor[] = []
    const look: Hook = async (x, ops) => void seen.push(await ops.download(x))
    await run(model, texts, { [name]: [look, plus, look, times, look] })
    const [first, second, third] = seen
    checkSameBits(first, clean.get(name)!)
    checkSameBits(
      second,
      new Tensor(
        first.shape,
        first.data.map((value) => value + 1),
      ),
    )
    checkSameBits(
      third,
      new Tensor(
        first.shape,
        second.data.map((value) => value * 2),
      ),
    )
  })

  test('each part of a block works on what an intervention left', async () => {
    const nudge = onHost(
      (x) =>
        new Tensor(
          x.shape,
          x.data.map((value, i) => value + (i % 3) / 4),
        ),
    )
    const reads = {
      hook_resid_pre: ['attn.hook_q', 'attn.hook_k', 'attn.hook_v', 'hook_resid_mid'],
      'attn.hook_q': ['attn.hook_pattern'],
      'attn.hook_k': ['attn.hook_pattern'],
      'attn.hook_v': ['attn.hook_z'],
      'attn.hook_pattern': ['attn.hook_z'],
      'attn.hook_z': ['hook_attn_out'],
      hook_attn_out: ['hook_resid_mid'],
      hook_resid_mid: ['mlp.hook_pre', 'hook_resid_post'],
      'mlp.hook_pre': ['mlp.hook_post'],
      'mlp.hook_post': ['hook_mlp_out'],
      hook_mlp_out: ['hook_resid_post'],
    }
    for (const [hook, readers] of Object.entries(reads)) {
      const after = await captureWith({ [`blocks.1.${hook}`]: nudge })
      for (const reader of readers.map((reader) => `blocks.1.${reader}`))
        assert.not.equal(after.get(reader)!.data, clean.get(reader)!.data, `${reader} after ${hook}`)
    }
  })

  test('zeroing what a block adds leaves the stream as it was', async () => {
    const zero = onHost((x) => Tensor.zeros(x.shape))
    const after = await captureWith({ 'blocks.1.hook_attn_out': zero, 'blocks.1.hook_mlp_out': zero })
    checkSameBits(after.get('blocks.1.hook_resid_post')!, clean.get('blocks.1.hook_resid_pre')!)
  })

  test('an intervention of another shape', async () => {
    for (const [name, shape] of [
      ['blocks.0.hook_resid_pre', [rows, dModel + 1]],
      ['blocks.2.attn.hook_q', [rows, dModel]],
      ['logits', [rows * dVocab]],
    ] as const)
      assert.is(
        await messageOf(() => run(model, texts, { [name]: onHost(() => Tensor.zeros(shape)) })),
        `hook ${name}: an intervention must return [${shapeAt(name).join(', ')}], it returned [${shape.join(', ')}]`,
      )
  })

  test('a hook that throws ends the run with its error', async () => {
    const hook: Hook = async () => {
      throw new Error('from the hook')
    }
    assert.is(await messageOf(() => run(model, texts, { 'blocks.1.mlp.hook_post': hook })), 'from the hook')
  })

  test('unknown hooks', async () => {
    const known = 'there are hook_embed, hook_pos_embed, blocks.N.{hook_resid_pre, ln1.hook_scale,'
    const message = (name: string) => messageOf(() => capture(model, texts, [name]))
    assert.ok((await message('hook_residual')).startsWith(`hook "hook_residual" is not known: ${known}`))
    assert.ok(
      (await message('blocks.0.hook_resid')).startsWith(`hook "blocks.0.hook_resid" is not known: ${known}`),
    )
    assert.is(
      await message(`blocks.${nLayers}.hook_resid_pre`),
      `hook "blocks.${nLayers}.hook_resid_pre" is not known: this model has blocks 0..${nLayers - 1}`,
    )
    for (const name of ['', 'toString', 'blocks.0', 'blocks.-1.hook_resid_pre', 'blocks.01.hook_resid_pre'])
      assert.match(await message(name), `hook "${name}" is not known`)
  })

  test('runs as far as the deepest hook and no further', async () => {
    const count = async (...names: string[]): Promise<Record<string, number>> => {
      const spied = countOps(ops)
      await capture({ ...model, ops: spied.ops }, texts, names)
      const of = (op: string) => spied.calls.get(op) ?? 0
      return {
        linear: of('linear'),
        attention: of('attention'),
        layerNorm: of('layerNorm'),
        gelu: of('gelu'),
      }
    }
    // A block is six linear layers (q, k, v, two projections, the MLP's way in), one attention, two norms.
    const blocks = (n: number) => ({ linear: 6 * n, attention: n, layerNorm: 2 * n, gelu: 0 })
    assert.equal(await count(), blocks(0))
    assert.equal(await count('hook_pos_embed'), blocks(0))
    for (let layer = 0; layer < nLayers; layer++) {
      assert.equal(await count(`blocks.${layer}.hook_resid_pre`), blocks(layer), `resid_pre ${layer}`)
      assert.equal(await count(`blocks.${layer}.hook_resid_post`), blocks(layer + 1), `resid_post ${layer}`)
    }
    assert.equal(await count('blocks.2.hook_resid_pre', 'blocks.0.attn.hook_q'), blocks(2))
    assert.equal(await count('blocks.0.hook_resid_pre', 'blocks.1.hook_resid_mid'), blocks(2))
    const norm = { ...blocks(nLayers), layerNorm: 2 * nLayers + 1 }
    assert.equal(await count('ln_final.hook_normalized'), norm)
    assert.equal(await count('logits', 'blocks.0.hook_resid_pre'), { ...norm, linear: 6 * nLayers + 1 })
  })

  test.after(() => ops.dispose())
  test.run()
}

const page = suite('the page of hooks')
page('HOOKS.md lists every hook, in order', () => {
  const text = readFileSync(join(import.meta.dirname, '../../gpt2/HOOKS.md'), 'utf8')
  const listed = [...text.matchAll(/^\| (?:&ensp;)?`([a-z_0-9.]+)` /gm)].map(([, name]) => name)
  const names = hookNames({ nLayers: 1 }).map((name) => name.replace('blocks.0.', ''))
  assert.equal(listed.slice(0, names.length), names)
})
page.run()
