// From the activation at a hook to what an SAE reads there, and back.
import type { Backend, DeviceTensor } from '../engine/backend.ts'
import { sizeOf, Tensor } from '../engine/tensor.ts'
import type { SaeConfig } from './config.ts'
import { siteOf } from './sites.ts'

type Basis = Pick<SaeConfig, 'centered' | 'headIndex'>

/** [tokens, width], whatever the shape at the hook: heads side by side. */
function flat(ops: Backend, x: DeviceTensor): DeviceTensor {
  return x.shape.length === 2 ? x : ops.reshape(x, [x.shape[0], sizeOf(x.shape.slice(1))])
}

/**
 * The activation at `hook` on the SAE's basis: a stream minus its mean over d_model, if the SAE was trained that way; heads side
 * by side, or the one head. x [tokens, ...] -> [tokens, d_in]
 */
export async function toBasis(
  ops: Backend,
  { centered, headIndex, dIn }: Basis & Pick<SaeConfig, 'dIn'>,
  hook: string,
  x: DeviceTensor,
): Promise<DeviceTensor> {
  const all = flat(ops, x)
  if (headIndex !== undefined) {
    const [tokens, width] = all.shape
    const heads = width / dIn
    const rows = Array.from({ length: tokens }, (_, t) => t * heads + headIndex)
    return ops.takeRows(ops.reshape(all, [tokens * heads, dIn]), rows)
  }
  return centered && siteOf(hook)?.holds === 'stream' ? ops.center(all) : all
}

/**
 * Puts a reconstruction in place of the activation at `hook`: the mean that was subtracted is added back, and other heads stay
 * as they are. x [tokens, ...], rebuilt [tokens, d_out] -> the shape of x
 */
export async function fromBasis(
  ops: Backend,
  { centered, headIndex }: Basis,
  hook: string,
  x: DeviceTensor,
  rebuilt: DeviceTensor,
): Promise<DeviceTensor> {
  if (headIndex !== undefined) {
    const [all, part] = [await ops.download(x), await ops.download(rebuilt)]
    return ops.upload(withHead(all, headIndex, part))
  }
  if (!centered || siteOf(hook)?.holds !== 'stream') return ops.reshape(rebuilt, x.shape)
  const mean = await ops.subtract(x, await ops.center(x)) // [tokens, d_out]
  return ops.add(rebuilt, mean)
}

/** x [tokens, ...] with the numbers of one head replaced by `part` [tokens, dHead] */
function withHead(x: Tensor, head: number, part: Tensor): Tensor {
  const [tokens, dHead] = part.shape
  const width = sizeOf(x.shape.slice(1))
  const data = x.data.slice()
  for (let t = 0; t < tokens; t++) data.set(part.row(t), t * width + head * dHead)
  return new Tensor(x.shape, data)
}
