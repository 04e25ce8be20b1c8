/*
 * What a kernel is: one JavaScript function that computes one number of the output. gpu.js runs it once for every
 * cell of a grid, as plain JavaScript, WebAssembly, GLSL or WGSL. It reads the function's own text (fn.toString()),
 * so a kernel uses nothing but its arguments, `this` and Math; types vanish before gpu.js looks (Node and bundlers
 * strip them). Sums are cut into blocks of 256, each from zero, so that float32 loses little over 3,072 terms.
 */
import type { Shape } from '../tensor.ts'
import type { GpuTensor } from './tensor.ts'

/** A kernel's `this`: which cell of the grid this thread computes, and the numbers baked into the program. */
export interface Thread<Constant extends string = never> {
  readonly thread: { readonly x: number; readonly y: number; readonly z: number }
  readonly constants: Readonly<Record<Constant, number>>
}

/** How a kernel sees its arguments: x[column], x[row][column], x[layer][row][column]. */
export type Row = readonly number[]
export type Matrix = readonly Row[]
export type Cube = readonly Matrix[]

/** Any kernel; four numbers where each thread computes four neighbours of a row. */
export type Kernel = (this: never, ...inputs: never[]) => number | readonly [number, number, number, number]

/** A tensor read under another shape of the same size, or a few numbers of the host's. */
export type KernelInput = GpuTensor | { readonly tensor: GpuTensor; readonly shape: Shape } | Float32Array

/** One run of a kernel over a grid. */
export interface Launch {
  /** How many threads: [x], [y, x] or [z, y, x], as a shape counts: the last dimension runs fastest. */
  readonly grid: Shape
  /** The result's shape; default: the grid's. */
  readonly shape?: Shape
  /** Numbers of the program text itself: a new program for each set, so only what is fixed for a layer. */
  readonly constants?: Readonly<Record<string, number>>
  /** What the kernel calls by name: functions of numbers that gpu.js compiles along with it. */
  readonly functions?: readonly HelperFunction[]
}

/** A part that kernels share. Like a kernel it is read as text, and uses nothing but its arguments, `Math` and other such parts. */
export type HelperFunction = (...numbers: number[]) => number
