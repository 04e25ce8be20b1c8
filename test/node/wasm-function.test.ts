import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { i32, importMemory, local, Module } from 'wasmati'
import { call, func } from '../../engine/wasm/function.ts'
import { instantiate, kernelsOf } from '../../engine/wasm/instance.ts'
import { f32s, i32s, KERNELS } from '../../engine/wasm/kernels.ts'
import { kernelModules } from '../../engine/wasm/module.ts'
import { shareOf, cutProduct } from '../../engine/wasm/threads/product-shares.ts'
import { TASKS } from '../../engine/wasm/threads/tasks.ts'

const test = suite('wasm functions by name')

test('parameters are found by name, whatever the order of a call; locals by type', () => {
  const difference = func(
    { in: i32s('minuend subtrahend'), locals: { i32: 1 }, out: 'i32' },
    ({ minuend, subtrahend }, { i32: [result] }) => {
      local.set(result, i32.sub(minuend, subtrahend))
      local.get(result)
    },
  )
  const turned = func({ in: i32s('a b'), out: 'i32' }, ({ a, b }) => {
    call(difference, { subtrahend: a, minuend: b })
  })
  const bytes = Module({ memory: importMemory({ min: 1 }), exports: { turned } }).toBytes()
  const memory = new WebAssembly.Memory({ initial: 1 })
  const exports = instantiate<{ turned(a: number, b: number): number }>(
    new WebAssembly.Module(new Uint8Array(bytes)),
    memory,
  )
  assert.is(exports.turned(2, 9), 7)
})

test('operands that are emitted in another order than the parameters are refused', () => {
  const callee = func({ in: { ...i32s('a b'), ...f32s('scale') } }, () => undefined)
  const calling = (args: () => Parameters<typeof call<typeof callee.signature, never>>[1]) => () =>
    func({ in: i32s('x') }, () => void call(callee, args()))
  calling(() => ({ a: i32.add(1, 2), scale: 1, b: 3 }))()
  assert.throws(
    calling(() => ({ b: i32.add(1, 2), a: i32.add(3, 4), scale: 1 })),
    /call: operands are emitted in the order they are written in: write a, b, scale/,
  )
})

test('modules are short enough for the stack of a browser’s worker', () => {
  const options = { fused: true, int8: 'pairs', paired: true, shared: true } as const
  for (const panel of [8, 16] as const)
    for (const bytes of kernelModules({ ...options, panel }))
      assert.ok(bytes.length < 50_000, `panel ${panel}: ${bytes.length} bytes`)
})

test('kernels and tasks: every name is one word, once; numbers reach the kernel by name', () => {
  for (const [name, signature] of Object.entries(KERNELS))
    for (const parameter of Object.keys(signature)) assert.match(parameter, /^[a-zA-Z0-9]+$/, name)
  for (const [name, { names }] of Object.entries(TASKS)) {
    for (const one of names) assert.match(one, /^[a-zA-Z0-9]+$/, name)
    assert.is(new Set(names).size, names.length, name)
  }
  const options = { fused: false, panel: 8, int8: 'widened', paired: false, shared: false } as const
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 })
  const { subtract } = kernelsOf(
    kernelModules(options).map((bytes) => new WebAssembly.Module(bytes)),
    memory,
  )
  const numbers = new Float32Array(memory.buffer, 0, 16)
  numbers.set([1, 2, 3, 4, 5, 6, 10, 20, 30])
  // rows 1 and 2 of three of width 2, b one row for all
  subtract({ last: 3, first: 1, out: 48, bStride: 0, width: 2, b: 24, a: 0 })
  assert.equal([...numbers.subarray(12, 16)], [0, 0, -7, -16])
})

test('the shares of a product are all of it, each part once, whatever its size and the threads', () => {
  for (const threads of [1, 2, 7])
    for (const [rows, inputs, outputs] of [
      [1, 768, 50257],
      [2, 768, 3072],
      [13, 40, 9],
      [512, 3072, 768],
      [700, 1, 17],
    ])
      for (const panel of [8, 16]) {
        const product = { rows, inputs, outputs, panel }
        const { chunks, ...cut } = cutProduct(product, threads)
        const seen = new Uint8Array(rows * Math.ceil(outputs / panel))
        for (let chunk = 0; chunk < chunks; chunk++) {
          const share = shareOf({ ...product, ...cut }, chunk)
          assert.ok(share.firstRow < share.lastRow && share.firstPanel < share.lastPanel)
          for (let r = share.firstRow; r < share.lastRow; r++)
            for (let p = share.firstPanel; p < share.lastPanel; p++)
              seen[r * Math.ceil(outputs / panel) + p]++
        }
        assert.ok(seen.every((times) => times === 1))
      }
})

test.run()
