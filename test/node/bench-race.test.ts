// bench gpujs: our backends beside other libraries. Rows, reasons and verification; no timing is asserted.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkLayer, makeProblem } from '../../bench/gpujs/race-layer.ts'
import { ourContestant } from '../../bench/gpujs/our-layer.ts'
import { raceSizes } from '../../bench/gpujs/race-node.ts'
import { race, raceCounts, raceLayers } from '../../bench/gpujs/race.ts'
import type { RaceTask } from '../../bench/gpujs/race-layer.ts'
import { matmulModel } from '../../bench/peers/onnx-model.ts'
import { threadsOf } from '../../bench/rows.ts'
import type { Runner } from '../../bench/side-by-side.ts'
import { createReferenceBackend } from '../../engine/reference/backend.ts'
import { runScript } from '../helpers/cli.ts'
import { messageOf } from '../helpers/compare.ts'

const test = suite('bench: race')

const quick = { tokens: 16, quick: true, quiet: true }

/** Takes a millisecond for everything; `verify` may fail. */
function racer(
  backend: string,
  mode: string,
  verify: Runner<RaceTask>['verify'] = async () => {},
): Runner<RaceTask> & { readonly log: string[] } {
  const log: string[] = []
  return {
    ...{ backend, mode, threads: threadsOf({ mode }), log },
    async verify(task) {
      await verify(task)
      log.push(`verify ${task.part}`)
    },
    async time() {
      log.push('time')
      return [1]
    },
    async close() {
      log.push('close')
    },
  }
}

test('everyone computes every layer, after it is verified; products are summed as often as a pass runs them', async () => {
  const racers = new Map<string, ReturnType<typeof racer>>()
  const open = async (name: string) => {
    racers.set(name, racer(name, `${name}, 2 threads`))
    return racers.get(name)!
  }
  const { rows, notRun } = await race(open, quick, () => true)
  assert.equal(notRun, [])
  assert.equal([...racers.keys()], ['wasm', 'gpujs:webgl2', 'gpujs:webgpu', 'jax-js', 'onnxruntime-web'])
  for (const [name, { log }] of racers) {
    const own = rows.filter(({ backend }) => backend === name)
    assert.equal(
      own.map(({ work, shape }) => `${work} ${shape}`),
      [
        'race: product 16x768x768',
        'race: product 16x768x3072',
        'race: upload 16x768',
        'race: read back 16x3072',
        'race: product 16x3072x768',
        'race: SAE encode 16x768x24576',
        'race: the 72 products of the blocks, summed 16',
      ],
    )
    assert.is(own.at(-1)!.median_ms, 72)
    assert.is(own[0].mode, `Chromium: ${name}, 2 threads`)
    assert.is(own[0].threads, 2)
    assert.equal(log.slice(0, 3), ['verify compute', 'time', 'time'])
    assert.is(log.at(-1), 'close')
  }
})

test('a library that is not installed, or does not start, is named with what to do; the others run', async () => {
  const open = async (name: string) => {
    if (name === 'gpujs:webgpu') throw new Error('gpujs:webgpu cannot run here: no adapter answers')
    return racer(name, 'x')
  }
  const { rows, notRun } = await race(open, quick, (name) => name !== '@jax-js/jax')
  assert.equal(notRun, [
    { backend: 'gpujs:webgpu, Chromium: race', reason: 'gpujs:webgpu cannot run here: no adapter answers' },
    {
      backend: 'jax-js, Chromium: race',
      reason: 'it is not installed; install it with: npm ci --prefix bench/peers',
    },
  ])
  assert.equal([...new Set(rows.map(({ backend }) => backend))], ['wasm', 'gpujs:webgl2', 'onnxruntime-web'])
})

test('who cannot compute one layer is named, and has no sum; a wrong result ends the race', async () => {
  const failing = (message: string) => async (name: string) =>
    racer(name, 'x', async ({ layer }) => {
      if (name === 'wasm' && layer.inputs === 3072) throw new Error(message)
    })
  const { rows, notRun } = await race(failing('too large\n  at somewhere'), quick, () => true)
  assert.equal(notRun, [{ backend: 'wasm, Chromium: race, 16x3072x768', reason: 'too large' }])
  const summed = rows.filter(({ work }) => work.endsWith('summed')).map(({ backend }) => backend)
  assert.equal(summed, ['gpujs:webgl2', 'gpujs:webgpu', 'jax-js', 'onnxruntime-web'])
  assert.is(rows.filter(({ backend }) => backend === 'wasm').length, 5)
  // Of a layer that is brought there and back, too, all of that is missing, which is said once.
  const noMiddle = await race(
    async (name) =>
      racer(name, 'x', async ({ layer }) => {
        if (name === 'wasm' && layer.outputs === 3072) throw new Error('too large')
      }),
    quick,
    () => true,
  )
  assert.equal(noMiddle.notRun, [{ backend: 'wasm, Chromium: race, 16x768x3072', reason: 'too large' }])
  assert.is(noMiddle.rows.filter(({ backend }) => backend === 'wasm').length, 3)
  const message = await messageOf(() => race(failing('wrong result, nothing is timed'), quick, () => true))
  assert.is(message, 'wrong result, nothing is timed')
})

test('full size only on a real GPU, or where it is asked for; a quick run leaves the largest product out', () => {
  const modes = ['gpu.js, google swiftshader (software)', 'simd, 2 threads']
  assert.equal(raceCounts({ tokens: 64 }, modes), [64])
  assert.equal(raceCounts({ tokens: 64, prefill: [7] }, modes), [7])
  assert.equal(raceCounts({ tokens: 64 }, [...modes, 'WebGPU, nvidia (hardware)']), [128, 512])
  assert.equal(raceCounts({ tokens: 64, prefill: [7] }, ['x (hardware)']), [7])
  const sizes = (quick: boolean) => raceLayers(128, quick).map(({ outputs }) => outputs)
  assert.equal(sizes(true), [768, 3072, 768, 24576])
  assert.equal(sizes(false), [768, 3072, 768, 24576, 50257])
})

for (const relu of [false, true])
  test(`our contestant computes ${relu ? 'an encoder' : 'a product'}, and a wrong row is noticed`, async () => {
    const problem = makeProblem({ tokens: 9, inputs: 40, outputs: 60, relu })
    const prepared = await ourContestant(createReferenceBackend()).prepare(problem)
    await prepared.upload()
    await prepared.compute()
    const got = await prepared.readBack()
    await checkLayer('ours', problem, got)
    if (relu) assert.ok(got.every((value) => value >= 0) && got.some((value) => value > 0))
    for (const row of [0, 8]) {
      const wrong = got.slice()
      wrong[row * 60 + 59] += 1
      assert.match(await messageOf(() => checkLayer('ours', problem, wrong)), /ours.*wrong result/)
    }
    assert.match(
      await messageOf(() => checkLayer('ours', problem, got.subarray(1))),
      /539 numbers, expected 9 x 60/,
    )
    await prepared.release()
  })

test('an ONNX model names the steps that it was asked for', () => {
  const [b, bias] = [new Float32Array(6), new Float32Array(3)]
  const steps = (model: Uint8Array) => {
    const text = new TextDecoder('latin1').decode(model)
    return ['MatMul', 'Add', 'Relu', 'after 1', 'after 2'].filter((step) => text.includes(step))
  }
  assert.equal(steps(matmulModel({ m: 1, k: 2, n: 3, b })), ['MatMul'])
  assert.equal(steps(matmulModel({ m: 1, k: 2, n: 3, b, bias })), ['MatMul', 'Add', 'after 1'])
  const all = steps(matmulModel({ m: 1, k: 2, n: 3, b, bias, relu: true }))
  assert.equal(all, ['MatMul', 'Add', 'Relu', 'after 1', 'after 2'])
})

test('in Node a GPU gets full size, software little, and the results say so; --small asks for it', () => {
  const onGpu = raceSizes('gpu.js, NVIDIA (hardware)', false)
  assert.is(onGpu.sizes.prefill, 512)
  assert.is(onGpu.sizes.encode, 1024)
  assert.equal(onGpu.notRun, [])
  const inSoftware = raceSizes('gpu.js, SwiftShader (software)', false)
  assert.is(inSoftware.sizes.prefill, 16)
  assert.equal(inSoftware.notRun, [
    {
      backend: '512 tokens through GPT-2 small and 1024 through an SAE',
      reason:
        'this adapter computes in software: 16 and 16 stand in for them, and the times say nothing about GPUs',
    },
  ])
  assert.equal(raceSizes('gpu.js, NVIDIA (hardware)', true), { sizes: inSoftware.sizes, notRun: [] })
})

test('--race without the package webgpu says what to install, and goes with no option of another run', async () => {
  const run = (...options: string[]) => runScript('bench/main.ts', ['gpujs', ...options])
  assert.match(run('--race').stderr, /not installed: npm install --no-save --save-dev webgpu@/)
  assert.match(run('--race', '--browser').stderr, /'--race' cannot be used with option '--browser'/)
  const help = run('--help').stdout
  assert.match(help, /--race/)
  assert.match(help, /--small/)
})

test.run()
