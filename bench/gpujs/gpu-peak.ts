// What a GPU can do, measured in the same run as the rows that are compared with it: by shaders made for this, without gpu.js.
import { makeRow, type Cost } from '../rows.ts'
import type { Roofline } from '../roofline.ts'

const THREADS = 2 ** 18
const GROUP = 256
/** Multiply-adds that a thread does at a time, in registers: eight vectors of four. */
const SUMS = 8
/** 128 MiB, which every WebGPU can bind at once, in vectors of four: more than the caches of most GPUs. */
const VECTORS = 2 ** 23
/** A measurement takes at least this long, so that starting it does not count. */
const LEAST_MS = 60

/** GPUBufferUsage and GPUMapMode, which TypeScript's library has only as types. */
const usage = { mapRead: 1, copySource: 4, copyTarget: 8, uniform: 64, storage: 128 }

const names = Array.from({ length: SUMS }, (_, i) => `s${i}`)

/** Nothing but multiply-adds on independent sums. */
const arithmetic = `
@group(0) @binding(0) var<uniform> rounds : vec4<u32>;
@group(0) @binding(1) var<storage, read_write> numbers : array<vec4<f32>>;
@compute @workgroup_size(${GROUP}) fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  let by = vec4<f32>(0.999, 0.998, 0.997, 0.996);
  ${names.map((name, i) => `var ${name} = vec4<f32>(f32(id.x + ${i}u));`).join('\n  ')}
  for (var i = 0u; i < rounds.x; i++) {
    ${names.map((name) => `${name} = ${name} * by + by;`).join('\n    ')}
  }
  numbers[id.x] = ${names.join(' + ')};
}`

/** Every number of a large buffer once per round, neighbouring threads side by side. */
const reading = `
@group(0) @binding(0) var<uniform> rounds : vec4<u32>;
@group(0) @binding(1) var<storage, read_write> numbers : array<vec4<f32>>;
@compute @workgroup_size(${GROUP}) fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  var sum = vec4<f32>(0.0);
  for (var round = 0u; round < rounds.x; round++) {
    for (var i = id.x; i < ${VECTORS}u; i += ${THREADS}u) { sum += numbers[i]; }
  }
  if (sum.x == 12345.0) { numbers[0] = sum; }
}`

/** The multiply-add peak and the read bandwidth of the adapter that gpu.js takes. @param mode its name */
export async function measureGpuPeak(mode: string): Promise<Roofline> {
  const adapter = await navigator.gpu.requestAdapter()
  if (!adapter) throw new Error('bench gpujs: there is no WebGPU adapter')
  const device = await adapter.requestDevice()
  const name = { shape: '', backend: 'WGSL', mode, threads: 1 }
  const flops: Cost = { flops: THREADS * SUMS * 4 * 2, bytes: 0 }
  const bytes: Cost = { flops: 0, bytes: VECTORS * 16 }
  try {
    const [peak, read] = [
      await fastest(device, arithmetic, THREADS * 16),
      await fastest(device, reading, VECTORS * 16),
    ]
    const rows = [
      makeRow({ ...name, work: 'peak: multiply-add' }, peak, flops),
      makeRow({ ...name, work: 'peak: read' }, read, bytes),
    ]
    const ceiling = {
      gflops: flops.flops / Math.min(...peak) / 1e6,
      gbs: bytes.bytes / Math.min(...read) / 1e6,
    }
    return { rows, ceiling: () => ceiling }
  } finally {
    device.destroy()
  }
}

/** Doubles the rounds until a run is long enough, then does five such runs. -> milliseconds per round */
async function fastest(device: GPUDevice, code: string, size: number): Promise<number[]> {
  const pipeline = await device.createComputePipelineAsync({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code }), entryPoint: 'main' },
  })
  const count = device.createBuffer({ size: 16, usage: usage.uniform + usage.copyTarget })
  const numbers = device.createBuffer({ size, usage: usage.storage + usage.copySource })
  const end = device.createBuffer({ size: 16, usage: usage.mapRead + usage.copyTarget })
  const entries = [count, numbers].map((buffer, binding) => ({ binding, resource: { buffer } }))
  const bindings = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries })
  const run = async (rounds: number): Promise<number> => {
    device.queue.writeBuffer(count, 0, Uint32Array.of(rounds, 0, 0, 0))
    const start = performance.now()
    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, bindings)
    pass.dispatchWorkgroups(THREADS / GROUP)
    pass.end()
    encoder.copyBufferToBuffer(numbers, 0, end, 0, 16)
    device.queue.submit([encoder.finish()])
    await end.mapAsync(usage.mapRead)
    end.unmap()
    return performance.now() - start
  }
  await run(1) // a driver compiles the shader when it first runs, which says nothing of how many rounds are needed
  let rounds = 1
  while (Math.min(await run(rounds), await run(rounds)) < LEAST_MS) rounds *= 2
  const samples: number[] = []
  for (let i = 0; i < 5; i++) samples.push((await run(rounds)) / rounds)
  return samples
}
