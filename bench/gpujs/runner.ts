import type { Backend, DeviceTensor } from '../../engine/backend.ts'
import { createBackend } from '../../engine/backends.ts'
import { createReferenceBackend } from '../../engine/reference/backend.ts'
import { toDense, type SparseRows } from '../../engine/sparse.ts'
import type { Tensor } from '../../engine/tensor.ts'
import type { Gpt2 } from '../../gpt2/model.ts'
import { shortRuns } from '../timing.ts'
import { checkClose } from '../verify.ts'
import { loadVerified, prefill, type SyntheticPrompt } from './prefill.ts'
import { numbers } from '../numbers.ts'
import { allCases } from './all-cases.ts'
import type { Case } from './case.ts'

/** The way to the backend and back, beside the works: rows of their own, because they are no one's arithmetic. */
export const transfers = ['upload', 'read back'] as const

/** Runs works on one backend, here or in a browser. */
export class Runner {
  readonly ops: Backend
  readonly #tokens: number
  readonly #cases: readonly Case[]
  #model: Gpt2 | undefined
  readonly #started = new Map<string, (ops: Backend) => Promise<DeviceTensor | SparseRows>>()

  constructor(ops: Backend, tokens: number) {
    this.ops = ops
    this.#tokens = tokens
    this.#cases = allCases(tokens)
  }

  static async start(backend: string, tokens: number, threads?: number): Promise<Runner> {
    return new Runner(await createBackend(backend, { threads }), tokens)
  }

  /** Runs the work once, which also compiles it. @throws if the result is not the reference's */
  async verify(name: string): Promise<void> {
    const work = this.#find(name)
    const run = await work.prepare(this.ops)
    this.#started.set(name, run)
    if (this.ops.name === 'reference') return
    const reference = createReferenceBackend()
    const expected = await hostOf(reference, await (await (work.twin ?? work.prepare)(reference))(reference))
    const got = await this.#once(run, (ops, result) => hostOf(ops, result))
    checkClose(`${this.ops.name} (${this.ops.mode}): ${name}`, expected.shape, got.data, expected.data)
  }

  /** Loads GPT-2 small for works named `prefill N`. @throws if its logits are not the reference's */
  async loadModel(prompt: SyntheticPrompt): Promise<void> {
    this.#model = await loadVerified(this.ops, prompt)
  }

  /** Runs it for `ms` milliseconds, at least once. -> milliseconds of the first 10,000 runs */
  async time(name: string, ms: number): Promise<number[]> {
    return (await this.#time(name, ms)).slice(0, 10_000)
  }

  async #time(name: string, ms: number): Promise<number[]> {
    if (name === 'upload') return this.#timeUpload(ms)
    if (name === 'read back') return this.#timeReadBack(ms)
    const model = this.#model
    if (model && name.startsWith('prefill '))
      return shortRuns(() => prefill(model, Number(name.slice('prefill '.length))))(ms)
    const run = this.#started.get(name)
    if (!run) throw new Error(`${name}: not verified before it is timed`)
    return shortRuns(() => this.#once(run, (ops, result) => this.#settle(ops, result)))(ms)
  }

  #find(name: string): Case {
    const work = this.#cases.find((work) => work.work + work.shape === name)
    if (!work) throw new Error(`there is no work ${name}`)
    return work
  }

  async #once<T>(
    run: (ops: Backend) => Promise<DeviceTensor | SparseRows>,
    use: (ops: Backend, result: DeviceTensor | SparseRows) => Promise<T>,
  ): Promise<T> {
    let used: T | undefined
    await this.ops.scope(async (ops) => {
      const result = await run(ops)
      used = await use(ops, result)
      if (this.ops.name.startsWith('gpujs:') && !('values' in result)) ops.release(result)
    })
    return used as T
  }

  /** A GPU answers before it has computed: one row read back makes sure that all is done. */
  async #settle(ops: Backend, result: DeviceTensor | SparseRows): Promise<void> {
    if ('values' in result || !/webgl2|webgpu/.test(this.ops.name)) return
    const rows = result.shape.length === 2 ? result : ops.reshape(result, [1, size(result.shape)])
    await ops.download(await ops.takeRows(rows, [0]))
  }

  #timeUpload(ms: number): Promise<number[]> {
    const x = numbers([this.#tokens, 768], 1)
    return shortRuns(() => this.ops.scope((ops) => this.#settle(ops, ops.upload(x))))(ms)
  }

  async #timeReadBack(ms: number): Promise<number[]> {
    const before = this.ops.upload(numbers([this.#tokens, 3072], 1))
    const result = await this.ops.add(before, before)
    await this.#settle(this.ops, result)
    const samples = await shortRuns(() => this.ops.download(result))(ms)
    for (const tensor of [before, result]) this.ops.release(tensor)
    return samples
  }
}

const size = (shape: readonly number[]) => shape.reduce((product, dimension) => product * dimension, 1)

async function hostOf(ops: Backend, result: DeviceTensor | SparseRows): Promise<Tensor> {
  return 'values' in result ? toDense(result) : ops.download(result)
}
