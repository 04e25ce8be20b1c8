// Changes to a model as they are written: read back, and refused by name.
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  cleanCoefficient,
  lackedBy,
  readChange,
  writeChange,
  type Change,
} from '../../experiments/lab/models/changes.ts'

const number = fc.integer({ min: 0, max: 999_999 })
const amount = fc.double({ min: 0, max: 9999, noNaN: true }).map(cleanCoefficient)

const changes: fc.Arbitrary<Change> = fc
  .record({ layer: number, number, amount, kind: fc.constantFrom('off', 'up', 'scale', 'head', 'neuron') })
  .map(({ layer, number, amount, kind }): Change => {
    if (kind === 'head') return { kind, layer, head: number }
    if (kind === 'neuron') return { kind, layer, neuron: number }
    const place = { layer, feature: number }
    if (kind === 'up') return { kind, ...place, coefficient: amount }
    return kind === 'scale' ? { kind, ...place, factor: amount } : { kind: 'off', ...place }
  })

const test = suite('changes to a model')

test('a change comes back as it was written', () => {
  fc.assert(fc.property(changes, (change) => assert.equal(readChange(writeChange(change)), change)))
  assert.equal(readChange('scale-3-934-2.5'), { kind: 'scale', layer: 3, feature: 934, factor: 2.5 })
  assert.equal(readChange('neuron-2-7'), { kind: 'neuron', layer: 2, neuron: 7 })
})

test('what is not understood is named, and what is expected', () => {
  const part = fc.constantFrom(
    'off',
    'up',
    'scale',
    'head',
    '-',
    '1',
    '2.5',
    '1e9',
    '9999999',
    '',
    ' ',
    'NaN',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(part).map((parts) => parts.join('-')),
      ),
      (written) => {
        const change = readChange(written)
        if (typeof change === 'string') assert.match(change, `, got '${written}'`)
        else assert.equal(readChange(writeChange(change)), change)
      },
    ),
  )
  for (const wrong of [
    'off-3',
    'off-3-7-1',
    'up-3-7',
    'scale-3-7--1',
    'up-3-7-10000',
    'up-3-7-1.234',
    'head-a-1',
  ])
    assert.match(readChange(wrong) as string, `expected ${wrong.split('-')[0]}-LAYER-`)
  assert.match(readChange('constructor-1-2') as string, /^expected one of off-LAYER-FEATURE, up-/)
})

test('what a model lacks is said, and what it has', () => {
  const config = { nLayers: 2, nHeads: 3, dMlp: 8 }
  const model = { config, saes: [undefined, { hookName: 'blocks.1.hook_resid_pre', dSae: 5 }] }
  const said = (written: string) => {
    const lacked = lackedBy(model, readChange(written) as Change)
    return lacked && `${lacked.lacks} ${lacked.has}`
  }
  for (const there of ['off-1-4', 'up-1-0-3', 'scale-1-2-0', 'head-1-2', 'neuron-0-7'])
    assert.is(said(there), undefined, there)
  assert.is(said('off-0-4'), 'There is no SAE at layer 0. There are SAEs at these layers: 1.')
  assert.is(said('up-2-4-1'), 'There is no SAE at layer 2. There are SAEs at these layers: 1.')
  assert.is(said('off-1-5'), 'The SAE at blocks.1.hook_resid_pre has no feature 5. It has features 0 to 4.')
  assert.is(said('head-2-0'), 'There is no layer 2. There are layers 0 to 1.')
  assert.is(said('head-1-3'), 'Layer 1 has no head 3. It has heads 0 to 2.')
  assert.is(said('neuron-1-8'), 'Layer 1 has no neuron 8. It has neurons 0 to 7.')
  assert.match(lackedBy({ config, saes: [] }, { kind: 'off', layer: 0, feature: 0 })!.has, /layers: none\.$/)
})

test.run()
