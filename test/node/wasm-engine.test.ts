import { spawnSync } from 'node:child_process'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { func, i32, importMemory, Module, unreachable } from 'wasmati'
import { createWasmBackend } from '../../engine/wasm/backend.ts'
import { detectFeatures } from '../../engine/wasm/platform/features.ts'
import { Arena, MAX_PAGES } from '../../engine/wasm/memory.ts'
import type { Platform } from '../../engine/wasm/platform/platform.ts'
import { platform as nodePlatform } from '../../engine/wasm/platform/platform-node.ts'
import type { Kernels } from '../../engine/wasm/instance.ts'
import { JobBoard } from '../../engine/wasm/threads/job-board.ts'
import { Pool } from '../../engine/wasm/threads/pool.ts'
import { Tensor } from '../../engine/tensor.ts'
import { sourceOf } from '../../engine/weights/weights.ts'

const test = suite('wasm engine')

const MEBIBYTE = 2 ** 20

async function errorOf(work: () => unknown): Promise<string> {
  try {
    await work()
  } catch (error) {
    return String(error)
  }
  return 'no error'
}

test('blocks are aligned, never overlap, and joined again when freed', () => {
  const steps = fc.array(fc.record({ bytes: fc.integer({ min: 0, max: 200000 }), keep: fc.nat(5) }), {
    maxLength: 40,
  })
  fc.assert(
    fc.property(steps, (list) => {
      const arena = new Arena({ shared: false, maximumBytes: 16 * MEBIBYTE })
      const held: { start: number; bytes: number }[] = []
      for (const { bytes, keep } of list) {
        const start = arena.allocate(bytes, 'a test')
        assert.is(start % 64, 0)
        assert.ok(start > 0 && start + bytes <= arena.memory.buffer.byteLength)
        for (const other of held)
          assert.ok(start + bytes <= other.start || other.start + other.bytes <= start)
        held.push({ start, bytes })
        while (held.length > keep) arena.release(held.splice(bytes % held.length, 1)[0].start)
      }
      for (const { start } of held) arena.release(start)
      assert.is(arena.usedBytes, 0)
      const size = arena.memory.buffer.byteLength
      arena.allocate(size - 128, 'everything')
      assert.is(arena.memory.buffer.byteLength, size)
    }),
    { numRuns: 100, seed: 3 },
  )
})

test('what does not fit is refused with the sizes; a double free is an error', async () => {
  const arena = new Arena({ shared: true, maximumBytes: 4 * MEBIBYTE })
  const start = arena.allocate(3 * MEBIBYTE, 'weights')
  assert.match(
    await errorOf(() => arena.allocate(2 * MEBIBYTE, 'wte.weight')),
    /wte\.weight needs 2\.0 MiB; 3\.0 MiB of at most 4\.0 MiB are in use, and the largest free block is/,
  )
  arena.release(start)
  arena.allocate(3.5 * MEBIBYTE, 'weights')
  assert.match(await errorOf(() => arena.release(start + 64)), /no block at/)
})

test('addresses reach to the end of 4 GiB', () => {
  const arena = new Arena({ shared: true })
  const high = arena.allocate((MAX_PAGES - 2) * 65536, 'nearly all')
  const last = arena.allocate(1024, 'the rest')
  assert.ok(last > 2 ** 32 - 4 * 65536 && high < last)
  arena.floats(last, 1)[0] = 7
  assert.is(arena.floats(last, 256)[0], 7)
})

test('features are found by validation, and asking for what is not there is an error', async () => {
  assert.ok(detectFeatures().simd)
  const noPairs: Platform = { ...nodePlatform, pairs: () => false }
  assert.match(await errorOf(() => createWasmBackend(noPairs, { paired: true })), /makes no 256-bit code/)
  assert.match((await createWasmBackend(noPairs, { threads: 1 })).mode, /128-bit, 1 thread$/)
  assert.match(
    await errorOf(() => createWasmBackend(nodePlatform, { threads: 0 })),
    /threads: expected 1 or more, got 0/,
  )
  const noWorkers: Platform = { ...nodePlatform, spawn: undefined }
  assert.match(
    await errorOf(() => createWasmBackend(noWorkers, { threads: 2 })),
    /threads need shared memory/,
  )
  assert.match((await createWasmBackend(noWorkers)).mode, /1 thread$/)
})

test('256-bit code that computes wrong numbers is refused: by default with the reason in the mode, else with an error', async () => {
  const corrupt: Platform = {
    ...nodePlatform,
    pairs: () => true,
    compile(bytes, options) {
      if (!options.paired) return nodePlatform.compile(bytes, options)
      // the kernels' constant 0.044715 * -2 sqrt(2 / pi) of GELU, wherever the module has it, becomes another
      const constant = new Uint8Array(Float32Array.of(-2 * Math.sqrt(2 / Math.PI) * 0.044715).buffer)
      const broken = bytes.slice()
      for (let i = 0; i + 4 <= broken.length; i++)
        if (constant.every((byte, j) => bytes[i + j] === byte)) broken[i + 2] ^= 0x40
      return nodePlatform.compile(broken, options)
    },
  }
  const byDefault = await createWasmBackend(corrupt, { threads: 1 })
  assert.match(
    byDefault.mode,
    /128-bit, 1 thread; 256-bit refused: wasm self-check: linear of 1 rows: number \d+ is/,
  )
  assert.match(
    await errorOf(() => createWasmBackend(corrupt, { threads: 1, paired: true })),
    /self-check: linear/,
  )
})

/** Multiplies until that fails, or 2,000 times. */
async function multiplyUntilError(platform: Platform): Promise<string> {
  const ops = await createWasmBackend(platform, { threads: 2 })
  const weight = await ops.prepareLinear(sourceOf('w', Tensor.zeros([512, 1024])))
  const x = ops.upload(Tensor.zeros([64, 512]))
  return errorOf(async () => {
    for (let i = 0; i < 2000; i++) {
      await ops.scope(async (inner) => void (await inner.linear(x, weight)))
      await new Promise((resolve) => setImmediate(resolve))
    }
  })
}

test('a kernel that fails in a worker, or a worker that ends, is a clear error and no hang', async () => {
  const trap = func({ in: [i32, ...Array.from({ length: 11 }, () => i32)], out: [] }, () => unreachable())
  const memory = importMemory({ min: 1, max: MAX_PAGES, shared: true })
  const broken = new WebAssembly.Module(
    new Uint8Array(Module({ memory, exports: { linear: trap } }).toBytes()),
  )
  const failing: Platform = {
    ...nodePlatform,
    spawn: (start, onEnd) => nodePlatform.spawn?.({ ...start, modules: [broken, ...start.modules] }, onEnd),
  }
  assert.match(await multiplyUntilError(failing), /worker 1 of 1 stopped: unreachable\. Make a new backend/)
  const ending: Platform = {
    ...nodePlatform,
    spawn: (_, onEnd) => void setTimeout(() => onEnd(new Error('gone')), 20),
  }
  assert.match(await multiplyUntilError(ending), /worker 1 of 1 stopped: gone/)
})

test('the job whose chunk failed in a worker fails, however late the worker is heard of, and so do all after it', async () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })
  const module = new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0))
  const trap = () => {
    throw new Error('trap')
  }
  let fail = () => {}
  let done = 0
  const pool = new Pool({
    kernels: { gelu: () => void (done++ === 0 && fail()) } as unknown as Kernels,
    modules: [module],
    memory,
    scratches: [0, 0],
    mayBlock: true,
    // while the calling thread is at its first chunk, the worker takes the second
    spawn: ({ board }, onEnd) => {
      fail = () => {
        const thread = { kernels: { gelu: trap } as unknown as Kernels, memory, scratch: 0 }
        assert.throws(() => new JobBoard(board).work(thread), /^trap$/)
        setTimeout(() => onEnd(new Error('trap')), 20)
      }
    },
  })
  const run = () => errorOf(() => pool.run('gelu', { x: 0, out: 0, first: 0, last: 4, perChunk: 1 }, 4))
  assert.match(await run(), /worker 1 of 1 stopped: trap\. Make a new backend/)
  assert.is(done, 3)
  assert.match(await run(), /worker 1 of 1 stopped: trap/)
  assert.is(done, 3)
})

test('after dispose ops are refused', async () => {
  const ops = await createWasmBackend(nodePlatform, { threads: 2 })
  const x = ops.upload(Tensor.zeros([2, 2]))
  await ops.dispose()
  assert.match(await errorOf(() => ops.add(x, x)), /add on a backend that was disposed/)
})

test('the pool ends with the process, also on an uncaught error', () => {
  const script = (end: string) => `
    const { createWasmBackend } = await import('${new URL('../../engine/wasm/backend.ts', import.meta.url).href}')
    const { platform: nodePlatform } = await import('${new URL('../../engine/wasm/platform/platform-node.ts', import.meta.url).href}')
    const { Tensor } = await import('${new URL('../../engine/tensor.ts', import.meta.url).href}')
    const ops = await createWasmBackend(nodePlatform, { threads: 3 })
    const x = ops.upload(Tensor.zeros([700, 700]))
    await ops.gelu(x)
    console.log('done')
    ${end}`
  for (const [end, status] of [
    ['', 0],
    ["throw new Error('on purpose')", 1],
    ['process.exit(3)', 3],
  ] as const) {
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script(end)], { timeout: 15000 })
    assert.match(child.stdout.toString(), /done/)
    assert.is(child.status, status)
  }
})

test('a thousand runs leave the memory as it was', async () => {
  const ops = await createWasmBackend(nodePlatform, { threads: 1, maximumBytes: 8 * MEBIBYTE })
  for (let i = 0; i < 1000; i++)
    await ops.scope(async (inner) => {
      const weight = await inner.prepareLinear(sourceOf('w', Tensor.zeros([256, 512])))
      const x = await inner.linear(inner.upload(Tensor.zeros([100, 256])), weight, { activation: 'gelu' })
      await inner.softmax(x)
      inner.release(weight)
    })
})

test('more threads than four a core are refused at once, with the number of cores', async () => {
  const { cores } = nodePlatform
  const create = (threads: number) => createWasmBackend(nodePlatform, { threads, paired: false })
  for (const threads of [4 * cores + 1, 9999])
    assert.match(
      await errorOf(() => create(threads)),
      `expected at most ${4 * cores}, 4 for each of the ${cores} cores here, got ${threads}`,
    )
  const most = await create(4 * cores)
  await most.dispose()
})

test.run()
