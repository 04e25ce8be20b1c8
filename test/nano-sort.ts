import { join } from 'node:path'
import { createBackend } from '../engine/backends.ts'
import { openFile } from '../engine/weights/files-node.ts'
import { openSafetensors } from '../engine/weights/safetensors.ts'
import { readTensor } from '../engine/weights/weights.ts'
import { openModel } from '../experiments/lab/models/models.ts'
import { capture } from '../gpt2/model.ts'

/**
 * Holds a GPT-2 that somebody else trained, with an unembedding of its own, to what its author recorded inside it:
 *
 *     node test/nano-sort.ts FOLDER
 *
 * FOLDER holds config.json, model.safetensors and expected.safetensors: bbycroft/llm-viz's nano-gpt, which sorts six letters. It
 * is not part of this repository. Exit code 1 if a number differs.
 */

/** Recorded with GPU shaders, in float32; activations reach 20, logits 30. */
const TOLERANCE = 1e-5

/** The hooks by the names that the file has for other things than a hook of ours. */
const HOOKS: Readonly<Record<string, string>> = {
  after_ln_f: 'ln_final.hook_normalized',
  'blocks.0.attn.z_heads_side_by_side': 'blocks.0.attn.hook_z',
}

const folder = process.argv[2]
if (folder === undefined) {
  console.error('usage: node test/nano-sort.ts FOLDER')
  process.exit(2)
}
const expected = await openSafetensors(await openFile(join(folder, 'expected.safetensors')))
const flat = await expected.readIntegers('ids')
const [sequences, length] = expected.entry('ids').shape
const texts = Array.from({ length: sequences }, (_, i) => flat.slice(i * length, (i + 1) * length))
const names = expected.names().filter((name) => name !== 'ids')
let worst = 0
let compared = 0
for (const backend of ['reference', 'wasm']) {
  const ops = await createBackend(backend)
  const model = await openModel(folder, ops)
  for (const [i, text] of texts.entries()) {
    const found = await capture(
      model.gpt2,
      [text],
      names.map((name) => HOOKS[name] ?? name),
    )
    for (const name of names) {
      const { data } = found.get(HOOKS[name] ?? name)!
      const all = (await readTensor(expected.get(name))).data
      const own = all.subarray(i * data.length, (i + 1) * data.length)
      const error = own.reduce((most, value, at) => Math.max(most, Math.abs(value - data[at])), 0)
      compared += own.length
      worst = Math.max(worst, Number.isNaN(error) ? Infinity : error)
      if (!(error <= TOLERANCE)) console.log(`${backend}, sequence ${i}, ${name}: differs by ${error}`)
    }
  }
  await ops.dispose()
}
await expected.close()
console.log(`${compared} recorded numbers compared, the largest difference is ${worst.toExponential(1)}`)
process.exitCode = compared > 0 && worst <= TOLERANCE ? 0 : 1
