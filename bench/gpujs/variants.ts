// One op in several ways: one case each, checked against the reference's op.
import type { Backend, DeviceTensor } from '../../engine/backend.ts'
import type { Device } from '../../engine/gpujs/device.ts'
import type { GpuTensor } from '../../engine/gpujs/tensor.ts'
import type { Shape, Tensor } from '../../engine/tensor.ts'
import { numbers } from '../numbers.ts'
import { makeCase, type OpCase } from './case.ts'

/** A tensor's type names only the little that it needs of the device that made it. */
export const deviceOf = ({ device }: GpuTensor) => device as Device

/** An op: its name, what it reads, and how the reference backend does it. */
interface VariedOp {
  readonly name: string
  readonly shape: Shape
  readonly flops?: number
  readonly moved: number // float32 numbers
  readonly inputs: readonly Shape[]
  readonly reference: (ops: Backend, inputs: readonly Tensor[]) => Promise<DeviceTensor>
}

/** An op on uploaded numbers, in each of `ways`. */
export function variants(
  { name, shape, flops = 0, moved, inputs, reference }: VariedOp,
  ways: Readonly<Record<string, (inputs: GpuTensor[]) => Promise<DeviceTensor>>>,
): OpCase[] {
  const onHost = () => inputs.map((shape, seed) => numbers(shape, seed, 0.5))
  return Object.entries(ways).map(([way, run]) => ({
    ...makeCase(`${name}, ${way}`, shape, flops, moved, async (ops) => {
      const uploaded = onHost().map((tensor) => ops.upload(tensor) as GpuTensor)
      return () => run(uploaded)
    }),
    gpujsOnly: true,
    twin: async (ops) => () => reference(ops, onHost()),
  }))
}
