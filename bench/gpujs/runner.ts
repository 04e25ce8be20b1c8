// Runs the cases on one backend, here or in a browser.
import type { Backend, DeviceTensor } from '../../engine/backend.ts'
import { createBackend } from '../../engine/backends.ts'
import { createReferenceBackend } from '../../engine/reference/backend.ts'
import { toDense } from '../../engine/sparse.ts'
import { Tensor, sizeOf } from '../../engine/tensor.ts'
import { threadsOf, type GpuUse } from '../rows.ts'
import type { Runner } from '../side-by-side.ts'
import { shortRuns } from '../timing.ts'
import { checkClose, inScope } from '../verify.ts'
import { allCases } from './all-cases.ts'
import type { OpCase, Result } from './case.ts'
import { countGpuCalls } from './count-gpu-calls.ts'

/**
 * @param prefill lengths of texts for a pass through the whole model
 * @param uses receives what each case asks of WebGPU
 */
export async function startRunner(
  backend: string,
  tokens: number,
  threads?: number,
  prefill: readonly number[] = [],
  uses: GpuUse[] = [],
): Promise<Runner<string>> {
  const ops = await createBackend(backend, { threads })
  const cases = allCases(tokens, prefill)
  let run: Awaited<ReturnType<OpCase['prepare']>>
  const once = <T>(use: (ops: Backend, result: Result) => Promise<T>): Promise<T> =>
    inScope(ops, async (ops) => {
      const result = await run(ops)
      const used = await use(ops, result)
      if (backend.startsWith('gpujs:') && isOnDevice(result)) ops.release(result)
      return used
    })
  /** A GPU answers before it has computed: reading one row back makes sure that all is done. */
  const settle = async (ops: Backend, result: Result): Promise<void> => {
    if (!isOnDevice(result) || !/webgl2|webgpu/.test(backend)) return
    const rows = result.shape.length === 2 ? result : ops.reshape(result, [1, sizeOf(result.shape)])
    await ops.download(await ops.takeRows(rows, [0]))
  }
  return {
    ...{ backend, mode: ops.mode, threads: threadsOf(ops) },
    async verify(name) {
      const found = cases.find(({ work, shape }) => work + shape === name)!
      run = await found.prepare(ops)
      if (backend === 'reference' || found.verified) return
      const reference = createReferenceBackend()
      const twin = await (found.twin ?? found.prepare)(reference)
      const expected = await hostOf(reference, await twin(reference))
      const got = await once(hostOf)
      checkClose(`${backend} (${ops.mode}): ${name}`, expected.shape, got.data, expected.data)
      if (backend !== 'gpujs:webgpu') return
      const { work, shape } = found
      uses.push({ work, shape, backend, ...(await countGpuCalls(() => once(async () => {}))) })
    },
    /** -> milliseconds of the first 10,000 runs */
    time: async (ms) => (await shortRuns(() => once(settle))(ms)).slice(0, 10_000),
    close: () => ops.dispose(),
  }
}

function isOnDevice(result: Result): result is DeviceTensor {
  return !(result instanceof Tensor) && !('values' in result)
}

async function hostOf(ops: Backend, result: Result): Promise<Tensor> {
  if ('values' in result) return toDense(result)
  return result instanceof Tensor ? result : ops.download(result)
}
