/** Every kernel that a module has (module.ts). */
export type KernelName =
  | 'linear'
  | 'attention'
  | 'layerNorm'
  | 'softmax'
  | 'center'
  | 'gelu'
  | 'add'
  | 'subtract'
  | 'meanRows'
  | 'sparseDecode'
  | 'screenColumns'
  | 'screenRow'
  | 'screen'
  | 'spread'

/** The kernels of an instance, by name: numbers and addresses in, nothing out. */
export type Kernels = Readonly<Record<KernelName, (...args: number[]) => void>>

/** An instance of a compiled module over a memory, which is the module's only import. */
export function instantiate<Exports = Kernels>(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
): Exports {
  const imports: Record<string, Record<string, WebAssembly.Memory>> = {}
  for (const { module: from, name } of WebAssembly.Module.imports(module)) imports[from] = { [name]: memory }
  return new WebAssembly.Instance(module, imports).exports as Exports
}
