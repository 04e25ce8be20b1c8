// Activations out to Python and back in: writes a stream to a file; given the file that Python made of it, puts that in the
// stream's place and says what the model then says next.
//   node experiments/examples/with-python.ts write stream.safetensors
//   python -c "from safetensors.numpy import *; x = load_file('stream.safetensors'); x['stream'] *= 0.5; save_file(x, 'half.safetensors')"
//   node experiments/examples/with-python.ts read half.safetensors
import { readFile, writeFile } from 'node:fs/promises'
import {
  capture,
  createBackend,
  encodeSafetensors,
  memorySource,
  onHost,
  openModel,
  openSafetensors,
  readTensor,
  run,
} from 'clearbox'

const [way, path] = process.argv.slice(2)
if ((way !== 'write' && way !== 'read') || path === undefined)
  throw new Error('expected: write FILE, or read FILE')
const hook = 'blocks.3.hook_resid_pre'
await using ops = await createBackend()
using model = await openModel('tiny', ops, { quiet: true })
const ids = model.tokenize('def add(a, b):') // BOS first

if (way === 'write') {
  const stream = (await capture(model.gpt2, [ids], [hook])).get(hook)! // [tokens, dModel]
  await writeFile(path, encodeSafetensors([['stream', stream]]))
  console.log(`stream [${stream.shape.join(', ')}] -> ${path}`)
} else {
  const store = await openSafetensors(memorySource(path, await readFile(path)))
  const edited = await readTensor(store.get('stream')) // [tokens, dModel], F32, F64, F16 or BF16 in the file
  await store.close()
  let next: readonly number[] = []
  await run(model.gpt2, [ids], {
    [hook]: onHost(() => edited),
    logits: async (x, ops) => void (next = [...(await ops.topK(x, 5)).at(-1)!.indices]),
  })
  console.log(`next: ${next.map((id) => JSON.stringify(model.tokenizer.decode([id]))).join(' ')}`)
}
