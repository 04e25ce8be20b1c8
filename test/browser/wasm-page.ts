// What wasm.test.ts asks for, and gpujs-worker.test.ts: runs on a page or in a worker.
import type { Backend } from '../../engine/backend.ts'
import { createBackend, type BackendOptions } from '../../engine/backends.ts'
import { memorySource } from '../../engine/weights/bytes.ts'
import { openSafetensors, type SafetensorsStore } from '../../engine/weights/safetensors.ts'
import { readTensor } from '../../engine/weights/weights.ts'
import { parseConfig } from '../../gpt2/config.ts'
import { capture, loadGpt2 } from '../../gpt2/model.ts'

async function fetchStore(path: string): Promise<SafetensorsStore> {
  const response = await fetch(path)
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return openSafetensors(memorySource(path, new Uint8Array(await response.arrayBuffer())))
}

export interface TinyRun {
  readonly mode: string
  /** The largest difference of a logit from float64. */
  readonly error: number
  /** SHA-256 of the logits' bytes, in hexadecimal. */
  readonly hash: string
}

/** The bundled model's logits on the first reference prompt. @throws what the backend says if it cannot start */
export async function runTiny(options: BackendOptions, backend = 'wasm'): Promise<TinyRun> {
  const ops = await createBackend(backend, options)
  try {
    const { logits, expected } = await tinyLogits(ops)
    const error = logits.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0)
    return { mode: ops.mode, error, hash: await hashOf(logits) }
  } finally {
    await ops.dispose()
  }
}

async function tinyLogits(ops: Backend): Promise<{ logits: Float32Array; expected: Float32Array }> {
  const config = parseConfig(await (await fetch('/gpt2/tiny/config.json')).text())
  const model = await loadGpt2(ops, await fetchStore('/gpt2/tiny/model.safetensors'), config)
  const reference = await fetchStore('/test/reference/tiny/reference.safetensors')
  const ids = await reference.readIntegers('prompt.0.tokens')
  const got = await capture(model, [ids], ['logits'])
  const logits = got.get('logits')!.data
  const expected = (await readTensor(reference.get('prompt.0.logits'))).data
  if (logits.length !== expected.length) throw new Error(`${logits.length} logits, not ${expected.length}`)
  return { logits, expected }
}

async function hashOf(numbers: Float32Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new Float32Array(numbers).buffer)
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
