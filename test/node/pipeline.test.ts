// From texts to findings: one SAE at a time, the next one's file read ahead.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBackend } from '../../engine/backends.ts'
import { analyse } from '../../experiments/lab/analysis/analyse-texts.ts'
import { chooseHooks } from '../../experiments/lab/models/choose-hooks.ts'
import { encodeStream } from '../../experiments/lab/models/features.ts'
import { readAhead } from '../../experiments/lab/models/sae-source.ts'
import { openModel, type OpenModel } from '../../experiments/lab/models/models.ts'
import { capture } from '../../gpt2/model.ts'
import { meanFeatures } from '../../sae/pooling.ts'

const ops = await createBackend('reference')
const model = await openModel('tiny', ops, { quiet: true })
const folder = mkdtempSync(join(tmpdir(), 'pipeline-'))

const test = suite('pipeline')
test.after(async () => {
  await ops.dispose()
  rmSync(folder, { recursive: true })
})

test('an SAE’s file is read ahead once the one before it is open, and the last has no next', async () => {
  const log: string[] = []
  const watched: OpenModel = {
    ...model,
    openSae: (hook) => (log.push(`open ${hook}`), model.openSae(hook)),
    readAheadSae: (hook) => (log.push(`ahead ${hook}`), model.readAheadSae(hook)),
  }
  const texts = ['one and two', 'x = 1'].map((text) => model.tokenize(text))
  const categories = texts.map((_, row) => ({ name: String(row), rows: [row] }))
  const [a, b, c] = model.saeHooks
  const results = await analyse(watched, texts, {
    categories,
    hooks: [a, b, c],
    threshold: { kind: 'value', value: 1 },
    quiet: true,
  })
  assert.equal(
    results.map(({ result }) => result.hook),
    [a, b, c],
  )
  assert.equal(log, [`open ${a}`, `ahead ${b}`, `open ${b}`, `ahead ${c}`, `open ${c}`])
})

test('the stream after the last block is a layer like the others', async () => {
  const { nLayers } = model.gpt2.config
  const final = `blocks.${nLayers - 1}.hook_resid_post`
  const own = model.saeHooks[nLayers - 1]
  const config = { ...model.saeConfig(own), hookName: final }
  const withFinal: OpenModel = {
    ...model,
    saeHooks: [...model.saeHooks, final],
    saeConfig: (hook) => (hook === final ? config : model.saeConfig(hook)),
    openSae: async (hook) =>
      hook === final ? { ...(await model.openSae(own)), config } : model.openSae(hook),
    readAheadSae: async () => {},
  }
  const all = Array.from({ length: nLayers + 1 }, (_, layer) => layer)
  const hooks = chooseHooks(withFinal, all)
  assert.equal(hooks, withFinal.saeHooks)
  const ids = model.tokenize('one and two')
  const categories = [{ name: 'a', rows: [0] }]
  const results = await analyse(withFinal, [ids], {
    categories,
    hooks,
    threshold: { kind: 'value', value: 1 },
    quiet: true,
  })
  assert.equal(
    results.map(({ result }) => result.analysis.layer),
    all,
  )
  const stream = (await capture(model.gpt2, [ids], [final])).get(final)!
  const expected = await encodeStream(ops, await withFinal.openSae(final), stream)
  assert.equal(results[nLayers].result.means, meanFeatures(expected, [ids.length]))
  assert.ok(expected.values.length > 0)
})

test('reading ahead reads every byte', async () => {
  const counts = '/proc/self/io' // Linux alone counts them
  const path = join(folder, 'large')
  writeFileSync(path, new Uint8Array(10_000_001))
  const bytesRead = () =>
    existsSync(counts) ? Number(/rchar: (\d+)/.exec(readFileSync(counts, 'utf8'))![1]) : 0
  const before = bytesRead()
  await readAhead(path)
  const read = bytesRead() - before
  if (existsSync(counts)) assert.ok(read >= 10_000_001 && read < 11_000_000, String(read))
})

test('reading ahead what cannot be read fails nothing', async () => {
  await readAhead(join(folder, 'not there'))
  await readAhead(folder)
})

test.run()
