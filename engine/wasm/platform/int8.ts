// Which way of multiplying int8 numbers is the faster one on this machine.
import { moduleBytes } from '../function.ts'
import type { Platform } from './platform.ts'
import { instantiate } from '../instance.ts'
import { emitterFor, type Int8Method } from '../emitter.ts'
import { packedTile } from '../screen/int8-tile.ts'

const METHODS: readonly Int8Method[] = ['dot', 'pairs']
const fastest = new Map<boolean, Int8Method>()

/** What a timed tile has, and how often it is run: some 10 microseconds, several times. Small, because compiling takes longest. */
const [INPUTS, TILES, RUNS] = [256, 64, 10]

type Compile = Pick<Platform, 'compile'>

/**
 * The faster of the two relaxed methods on this machine: processors without an instruction for `dot` get four
 * instead. No engine says which it is, so tiles of both are timed, once, in less than a millisecond.
 * Both give the same sums: a wrong answer would cost speed, never a bit of a result.
 */
export function fastestInt8(platform: Compile, paired: boolean): Int8Method {
  let method = fastest.get(paired)
  if (method === undefined) {
    const tiles = METHODS.map((candidate) => compileTile(platform, candidate, paired))
    const shortest = METHODS.map(() => Infinity)
    // in turn, so that whatever else the machine does slows down both
    for (let run = 0; run < RUNS; run++)
      tiles.forEach((tile, i) => {
        const start = performance.now()
        for (let n = 0; n < TILES; n++) tile()
        shortest[i] = Math.min(shortest[i], performance.now() - start)
      })
    method = METHODS[shortest.indexOf(Math.min(...shortest))]
    fastest.set(paired, method)
  }
  return method
}

/** An int8 tile by a method, over a memory of zeros. */
function compileTile(platform: Compile, int8: Int8Method, paired: boolean): () => void {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 })
  const emitter = emitterFor({ fused: false, panel: 8, int8, paired, shared: false })
  const bytes = moduleBytes({ tile: packedTile(emitter) }, { paired, shared: false })
  type Tile = (x: number, inputs: number, ...others: number[]) => void
  const { tile } = instantiate<{ tile: Tile }>(platform.compile(bytes, { paired }), memory)
  const [x, weights, features, sums] = [0, 16384, 32768, 49152]
  return () => tile(x, INPUTS, weights, features, sums)
}
