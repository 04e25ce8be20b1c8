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
  const layer = await ops.prepareLinear(sourceOf('weight', weight), sourceOf('bias', bias))
  const input = ops.upload(x)
  const result = await ops.linear(input, layer, { activation: relu ? 'relu' : 'none' })
  const oneRow = async (ops: Backend, x: DeviceTensor) =>
    void (await ops.download(await ops.takeRows(x, [0])))
  return {
    upload: () => ops.scope((ops) => oneRow(ops, ops.upload(x))),
    compute: () =>
      ops.scope(async (ops) => {
        if (relu) await ops.sparseEncode(input, layer)
        else await oneRow(ops, await ops.linear(input, layer))
      }),
    readBack: async () =>
      relu ? toDense(await ops.sparseEncode(input, layer)).data : (await ops.download(result)).data,
    release() {
      for (const resource of [layer, input, result]) ops.release(resource)
    },
  }
}
