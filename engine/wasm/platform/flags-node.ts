// V8's flags for compiling a module.
import { setFlagsFromString } from 'node:v8'

/**
 * V8 flags are the process's, workers included, and compiled code is shared with workers when a module is posted to
 * them: it is enough to set the flags on the main thread while the module is compiled.
 */
const OPTIMISED = ['--no-liftoff', '--no-wasm-lazy-compilation']
const USUAL = ['--liftoff', '--wasm-lazy-compilation']

/**
 * Compiles with V8's optimising compiler at once (without it, functions start in baseline code and are replaced when
 * hot) and, if `paired`, with pairs of 128-bit operations made into 256-bit ones, an experimental flag.
 * The flags are put back, so that other modules of the program are compiled as always.
 */
export function compileOptimised(
  bytes: Uint8Array<ArrayBuffer>,
  options: { paired: boolean },
): WebAssembly.Module {
  for (const flag of OPTIMISED) setFlagsFromString(flag)
  if (options.paired) setFlagsFromString('--experimental-wasm-revectorize')
  try {
    return new WebAssembly.Module(bytes)
  } finally {
    if (options.paired) setFlagsFromString('--no-experimental-wasm-revectorize')
    for (const flag of USUAL) setFlagsFromString(flag)
  }
}
