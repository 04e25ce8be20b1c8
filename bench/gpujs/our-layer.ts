// Our side of the race.
import type { Backend, DeviceTensor } from '../../engine/backend.ts'
import { toDense } from '../../engine/sparse.ts'
import { sourceOf } from '../../engine/weights/weights.ts'
import type { Contestant, Prepared, Problem } from './race-layer.ts'

/** One of our backends as a contestant; its encoder is sparseEncode, whose list of active features is read back. */
export function ourContestant(ops: Backend): Contestant {
  return { mode: ops.mode, prepare: (problem) => prepare(ops, problem) }
}

async function prepare(ops: Backend, { x, weight, bias, relu }: Problem): Promise<Prepared> {
  const input = ops.upload(x)
  const weights = [sourceOf('weight', weight), sourceOf('bias', bias)] as const
  const upload = () => ops.scope((ops) => readRow(ops, ops.upload(x)))
  if (relu) {
    const encoder = await ops.prepareEncoder(...weights)
    return {
      upload,
      compute: () => ops.scope(async (ops) => void (await ops.sparseEncode(input, encoder))),
      readBack: async () => toDense(await ops.sparseEncode(input, encoder)).data,
      release: () => [encoder, input].forEach((resource) => ops.release(resource)),
    }
  }
  const layer = await ops.prepareLinear(...weights)
  const result = await ops.linear(input, layer)
  return {
    upload,
    compute: () => ops.scope(async (ops) => readRow(ops, await ops.linear(input, layer))),
    readBack: async () => (await ops.download(result)).data,
    release: () => [layer, input, result].forEach((resource) => ops.release(resource)),
  }
}

async function readRow(ops: Backend, x: DeviceTensor): Promise<void> {
  await ops.download(await ops.takeRows(x, [0]))
}
