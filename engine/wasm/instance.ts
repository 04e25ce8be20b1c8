// A module's instance over a memory, and its kernels, called by the names of their parameters.
import { KERNELS, type KernelName, type Numbers, type ParameterOf } from './kernels.ts'

/** The kernels of an instance. */
export type Kernels = { readonly [K in KernelName]: (args: Numbers<ParameterOf<K>>) => void }

/** An instance of a compiled module over a memory, which is the module's only import. */
export function instantiate<Exports>(module: WebAssembly.Module, memory: WebAssembly.Memory): Exports {
  const imports: Record<string, Record<string, WebAssembly.Memory>> = {}
  for (const { module: from, name } of WebAssembly.Module.imports(module)) imports[from] = { [name]: memory }
  return new WebAssembly.Instance(module, imports).exports as Exports
}

/** The kernels of instances of the kernels' modules. @throws if one is in none of them */
export function kernelsOf(modules: readonly WebAssembly.Module[], memory: WebAssembly.Memory): Kernels {
  const instances = modules.map((module) =>
    instantiate<Record<string, (...args: number[]) => void>>(module, memory),
  )
  const byName = (kernel: string, names: readonly string[]) => {
    const call = instances.find((exports) => kernel in exports)?.[kernel]
    if (!call) throw new Error(`wasm: the kernel ${kernel} is in no module`)
    const values = names.map(() => 0) // one list for all calls: a new one each time would take longer than a small chunk
    return (args: Numbers) => {
      for (let i = 0; i < names.length; i++) values[i] = args[names[i]]
      call(...values)
    }
  }
  const kernels = Object.entries(KERNELS).map(([kernel, signature]) => [
    kernel,
    byName(kernel, Object.keys(signature)),
  ])
  return Object.fromEntries(kernels) as Kernels
}
