// Which layers an experiment looks at, and by which of their SAEs.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { chooseHooks, nextHook, threeLayers, usualLayers } from '../../experiments/lab/models/choose-hooks.ts'

const model = (nLayers: number, saeHooks: string[]) => ({
  name: 'm',
  saeHooks,
  gpt2: { config: { nLayers } },
})
const inputs = (layers: number) => Array.from({ length: layers }, (_, l) => `blocks.${l}.hook_resid_pre`)
const both = ['blocks.0.hook_resid_post', 'blocks.1.hook_resid_pre', 'blocks.1.hook_resid_post']

const hooks = suite('choosing hooks')

hooks('the layers asked for, in the model’s order; of two SAEs at a layer the one at its input', () => {
  assert.equal(chooseHooks(model(12, inputs(12)), [8, 6]), [inputs(12)[6], inputs(12)[8]])
  assert.equal(chooseHooks(model(2, both), [2, 1]), [both[1], both[2]])
})

hooks('a layer without an SAE, and a model without any, are errors that say what there is', () => {
  assert.throws(() => chooseHooks(model(2, both), [0, 1, 3]), /^no SAE for layer 0, 3 of m; .* layers 1, 2$/)
  assert.throws(() => chooseHooks(model(2, []), []), /the model m has no SAEs/)
})

hooks('unasked, all layers; of twelve those of full size, where all of them have an SAE', () => {
  assert.equal(usualLayers(model(12, inputs(12)), [6, 8]), [6, 8])
  assert.equal(usualLayers(model(6, inputs(3)), [1]), [0, 1, 2])
  assert.equal(usualLayers(model(12, inputs(3)), [6]), [0, 1, 2])
})

hooks('three layers are spread over the model, the last among them; fewer where there are fewer', () => {
  assert.equal(threeLayers(model(12, inputs(12))), [3, 7, 11])
  assert.equal(threeLayers(model(6, inputs(6))), [1, 3, 5])
  assert.equal(chooseHooks(model(2, both), threeLayers(model(2, both))), [both[1], both[2]])
  assert.equal(threeLayers(model(2, [])), [])
})

hooks('the next layer is the next that has an SAE; after the last there is none', () => {
  const some = ['blocks.2.hook_resid_pre', 'blocks.11.hook_resid_pre', 'blocks.11.hook_resid_post']
  assert.is(nextHook(model(12, some), some[0]), some[1])
  assert.is(nextHook(model(12, some), some[1]), some[2])
  assert.is(nextHook(model(12, some), some[2]), undefined)
})
hooks.run()
