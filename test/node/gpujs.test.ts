import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { GPU } from 'gpu.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createBackend } from '../../engine/backends.ts'
import { createGpuJsBackend } from '../../engine/gpujs/backend.ts'
import { centeredNaive } from '../../engine/gpujs/center.ts'
import { Device } from '../../engine/gpujs/device.ts'
import type { Kernel, KernelInput } from '../../engine/gpujs/kernel.ts'
import { normalizedNaive } from '../../engine/gpujs/layer-norm.ts'
import { describeLost } from '../../engine/gpujs/lost-numbers.ts'
import { checkRan, type RunnableKernel } from '../../engine/gpujs/modes.ts'
import { productNaive } from '../../engine/gpujs/product.ts'
import { softenedNaive } from '../../engine/gpujs/softmax.ts'
import { fetchActive } from '../../engine/gpujs/sparse-encode.ts'
import { positiveEntries } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { sourceOf } from '../../engine/weights/weights.ts'
import { run } from '../../gpt2/model.ts'
import { reference } from '../helpers/backends.ts'
import { checkOp, checkSameBits, checkSameNumbers, messageOf } from '../helpers/compare.ts'
import { hostOps } from '../helpers/host-ops.ts'
import * as naive from '../helpers/naive.ts'
import { randomTensor } from '../helpers/random.ts'
import { randomIds, smallGpt2 } from '../helpers/small-gpt2.ts'
import { checkSpecials, specialCases } from '../helpers/special-cases.ts'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

// What only the gpu.js backends have; that their ops are right is tested with those of all backends.

const devices = [await Device.start('cpu'), await Device.start('webasm', { threads: 2 })]

const modes = suite('gpujs: modes')

modes('gpujs:webgl2 fails in Node with the reason, and names a mode that runs', async () => {
  const message = await messageOf(() => createBackend('gpujs:webgl2'))
  assert.match(message, /^gpujs:webgl2 cannot run here: there is no WebGL2 context; .* take gpujs:webasm$/)
})

modes('gpujs:webgpu without its package says what to install', async () => {
  const message = await messageOf(() => createBackend('gpujs:webgpu'))
  assert.match(
    message,
    /^gpujs:webgpu cannot run here: .* not installed: npm install --no-save --save-dev webgpu@([\d.]+) \(132 MB\), or take gpujs:webasm$/,
  )
  const peer = JSON.parse(readFileSync('package.json', 'utf8')) as { peerDependencies: { webgpu: string } }
  assert.ok(message.includes(`webgpu@${peer.peerDependencies.webgpu} `), message)
})

modes('what really ran is read back from gpu.js: another mode is an error with its reason', () => {
  const ran = (mode: string, fallbackReason: string | null) =>
    ({ kernel: { constructor: { mode }, fallbackReason, context: null } }) as unknown as RunnableKernel
  checkRan('webasm', ran('webasm', null))
  assert.throws(
    () => checkRan('webasm', ran('cpu', 'graphical mode is not supported')),
    /^gpujs:webasm: gpu\.js ran a kernel as cpu instead: graphical mode is not supported$/,
  )
  assert.throws(() => checkRan('webgl2', ran('gpu', null)), /gpu\.js ran a kernel as gpu instead/)
})

modes('a GPU that loses NaN or infinity says so in its mode', () => {
  assert.is(describeLost([NaN, Infinity, 0, 0, 1], 3), '')
  const lost = ', loses NaN or infinity (ReLU makes 0 and Infinity of them, and 3 of 3 are 2 in the encoder)'
  assert.is(describeLost([0, Infinity, 0, 0, 1], 2), lost)
  for (const [clipped, listed] of [
    [[NaN, 3e38, 0, 0, 1], 3],
    [[NaN, Infinity, 0, 0, 1], 2],
  ] as const)
    assert.match(describeLost(clipped, listed), /^, loses NaN or infinity/)
})

modes('a kernel that gpu.js itself moves from WebAssembly to plain JavaScript is told apart', async () => {
  const gpu = new GPU({ mode: 'webasm' })
  const doubled = function doubled(value: number): number {
    return value * 2
  }
  const map = gpu.createKernelMap({ doubled }, function (x: number[]): number {
    return doubled(x[this.thread.x])
  })
  map.setOutput([3])
  map([1, 2, 3])
  assert.throws(
    () => checkRan('webasm', map as unknown as RunnableKernel),
    /gpujs:webasm: gpu\.js ran a kernel as cpu instead: kernel maps are not supported on the webasm backend/,
  )
  await gpu.destroy()
})

modes.run()

for (const device of devices) {
  const { mode } = device
  const test = suite(`gpujs:${mode}`)
  test.after(() => device.dispose())

  const compute = async (
    kernel: Kernel,
    grid: number[],
    constants: Record<string, number>,
    ...inputs: (Tensor | KernelInput)[]
  ): Promise<Tensor> => {
    const given = inputs.map((input) => (input instanceof Tensor ? device.tensor(input) : input))
    return (await device.run(kernel, { grid, constants }, ...given)).download()
  }

  test('naive kernels give what the reference gives, as the better ones do', async () => {
    const x = randomTensor([9, 200], 1, 3, 1)
    const [weight, bias] = [randomTensor([200], 2, 1, 1), randomTensor([200], 3)]
    const grid = [9, 200]
    const [width, eps] = [200, 1e-5]
    const agree = async (got: Promise<Tensor>, expected: Promise<Tensor>) => {
      const [{ data }, { data: wanted }] = [await got, await expected]
      for (const [i, value] of wanted.entries())
        assert.ok(Math.abs(data[i] - value) < 1e-5, `element ${i} is ${data[i]}, expected ${value}`)
    }
    const host = hostOps(reference)
    await agree(compute(centeredNaive, grid, { width }, x), host.center(x))
    await agree(compute(softenedNaive, grid, { width }, x), host.softmax(x))
    await agree(
      compute(normalizedNaive, grid, { width, eps }, x, weight, bias),
      host.layerNorm(x, weight, bias, eps),
    )
  })

  test('two rows of two a thread, and blocks of one row, have the sums of one product a thread', async () => {
    for (const [rows, inputs, outputs] of [
      [5, 3072, 12],
      [6, 515, 7],
      [1, 3072, 12],
      [1, 3, 5],
      [2, 1, 1],
    ]) {
      const x = randomTensor([rows, inputs], 1)
      const layer = { weight: randomTensor([inputs, outputs], 2), bias: randomTensor([outputs], 3) }
      const constants = { first: 0, rows: inputs }
      const one = await compute(productNaive, [rows, outputs], constants, x, layer.weight, layer.bias)
      const ops = await createGpuJsBackend(mode, { threads: 2 })
      const { data } = await hostOps(ops).linear(x, layer)
      await ops.dispose()
      for (const [i, value] of one.data.entries())
        assert.ok(
          Math.abs(data[i] - value) < 1e-4,
          `${mode} ${rows}x${inputs}x${outputs}: ${i} is ${data[i]}, not ${value}`,
        )
    }
  })

  test('a product that is finished in one pass has the bits of its steps, one after the other', async () => {
    const ops = await createGpuJsBackend(mode, { threads: 2 })
    for (const rows of [1, 5]) {
      const x = ops.upload(randomTensor([rows, 300], 1))
      const residual = ops.upload(randomTensor([rows, 90], 4))
      const [weight, bias] = [randomTensor([300, 90], 2), randomTensor([90], 3)]
      const layer = await ops.prepareLinear(sourceOf('W', weight), sourceOf('b', bias))
      const sums = await ops.linear(x, layer)
      for (const activation of ['none', 'gelu', 'geluErf', 'relu'] as const) {
        const activated = activation === 'none' ? sums : await ops[activation](sums)
        const expected = await ops.download(await ops.add(activated, residual))
        const got = await ops.download(await ops.linear(x, layer, { activation, residual }))
        checkSameBits(got, expected, `${mode}, ${rows} rows, ${activation}`)
      }
    }
    await ops.dispose()
  })

  test('the list of positive entries made on the device is the one made from all numbers', async () => {
    for (const [rows, width, mean] of [
      [7, 1000, -0.9],
      [5, 1000, 0.2], // longer than there is room for at first
      [3, 256, 0.5],
      [2, 255, -2],
      [0, 300, 0],
    ]) {
      const dense = randomTensor([rows, width], 1, 1, mean)
      const clipped = new Tensor(
        dense.shape,
        dense.data.map((value) => Math.max(0, value)),
      )
      if (rows === 7) clipped.row(2)[999] = NaN
      const expected = positiveEntries(clipped)
      const got = await fetchActive(device, device.tensor(clipped))
      assert.equal(got.shape, expected.shape)
      checkSameNumbers(got.offsets, expected.offsets, 'offsets')
      checkSameNumbers(got.indices, expected.indices, 'indices')
      checkSameNumbers(got.values, expected.values, 'values')
    }
  })

  test('weights cut into parts give what whole ones give', async () => {
    const ops = await createGpuJsBackend(mode, { threads: 2, maxBytes: 16_384 })
    const host = hostOps(ops)
    const x = randomTensor([5, 300], 1)
    const layer = { weight: randomTensor([300, 24], 2), bias: randomTensor([24], 3) } // 28,800 bytes
    await checkOp(ops, (host) => host.linear(x, layer), naive.naiveLinear(x, layer))
    const table = randomTensor([300, 24], 4)
    const rows = await host.embedFromTable(table, [299, 0, 150])
    checkSameBits(
      rows,
      Tensor.of(
        [3, 24],
        [299, 0, 150].flatMap((id) => [...table.row(id)]),
      ),
    )
    const columns = await host.embedFromLinear({ weight: table, transposed: true }, [299, 0, 150])
    checkSameBits(columns, rows)
    const sparse = positiveEntries(randomTensor([4, 300], 5))
    const bias = randomTensor([24], 6)
    await checkOp(
      ops,
      (host) => host.sparseDecode(sparse, table, bias),
      naive.naiveSparseDecode(sparse, table, bias),
    )
    const message = await messageOf(() => ops.prepareTable(sourceOf('wide', Tensor.zeros([2, 4097]))))
    assert.is(
      message,
      'wide: one row of [2, 4097] takes 16388 bytes, more than the 16384 that this GPU binds at once',
    )
    await ops.dispose()
  })

  test('results larger than the limit are made by rows, with the bits of those made at once', async () => {
    const [whole, cut] = [
      await createGpuJsBackend(mode, { threads: 2 }),
      await createGpuJsBackend(mode, { threads: 2, maxBytes: 16_384 }),
    ]
    const x = randomTensor([70, 20], 1)
    const layer = { weight: randomTensor([20, 120], 2), bias: randomTensor([120], 3) }
    const options = { activation: 'gelu', residual: randomTensor([70, 120], 4) } as const // 33,600 bytes
    const both = async <T>(compute: (host: ReturnType<typeof hostOps>) => Promise<T>) => [
      await compute(hostOps(cut)),
      await compute(hostOps(whole)),
    ]
    for (const rows of [70, 35, 34, 1, 0]) {
      const given = { ...options, residual: options.residual.rows(0, rows) }
      const [got, expected] = await both((host) => host.linear(x.rows(0, rows), layer, given))
      checkSameBits(got, expected, `${rows} rows`)
      const [found, wanted] = await both((host) => host.sparseEncode(x.rows(0, rows), layer))
      assert.equal(found, wanted)
    }
    assert.is(
      await messageOf(() => hostOps(cut).add(options.residual, options.residual)),
      `gpujs:${mode}: a tensor [70, 120] takes 33600 bytes, and this GPU binds at most 16384 at once; ` +
        'take fewer tokens or texts at a time, or a backend that computes in host memory (wasm)',
    )
    for (const ops of [whole, cut]) await ops.dispose()
  })

  test('NaN and infinity go through every op as in the specification', async () => {
    const ops = await createGpuJsBackend(mode, { threads: 2 })
    for (const name of Object.keys(specialCases)) await checkSpecials(ops, name, { gpu: false })
    await ops.dispose()
  })

  test('more threads than four a core are refused at once', async () => {
    const most = 4 * navigator.hardwareConcurrency
    const message = await messageOf(() => createGpuJsBackend(mode, { threads: most + 1 }))
    assert.match(message, `gpujs:${mode}: threads: expected at most ${most}, 4 for each of the `)
    await (await createGpuJsBackend(mode, { threads: most })).dispose()
  })

  test('a freed tensor is an error', async () => {
    const ops = await createGpuJsBackend(mode)
    const x = ops.upload(Tensor.zeros([2, 3]))
    ops.release(x)
    assert.is(
      await messageOf(() => ops.gelu(x)),
      `gpujs:${mode}: the tensor [2, 3] was freed; keep it longer`,
    )
    let inside = x
    await ops.scope(async (ops) => void (inside = ops.upload(Tensor.zeros([1, 4]))))
    assert.is(
      await messageOf(() => ops.download(inside)),
      `gpujs:${mode}: the tensor [1, 4] was freed; keep it longer`,
    )
    await ops.dispose()
  })

  test('memory outside the JavaScript heap stays flat over 100 forward passes', async () => {
    const ops = await createGpuJsBackend(mode, { threads: 2 })
    const model = await smallGpt2(ops)
    const ids = randomIds(9, 1)
    const held: number[] = []
    for (let round = 0; round < 100; round++) {
      await run(model, [ids], { logits: async (x, ops) => void (await ops.download(x)) })
      gc()
      held.push(process.memoryUsage().arrayBuffers)
    }
    const [early, late] = [held.slice(10, 20), held.slice(90)].map((part) => Math.max(...part))
    assert.ok(late <= early + 2 ** 20, `${early} bytes after 20 passes, ${late} after 100`)
    await ops.dispose()
  })

  test.run()
}
