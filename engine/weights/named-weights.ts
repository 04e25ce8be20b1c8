// Weights picked out of a store by name, and checked.
import { showShape, type Shape } from '../tensor.ts'
import { cut } from './json.ts'
import type { WeightSource, WeightStore } from './weights.ts'

/**
 * Picks the tensors of a name -> shape table out of a store, all of them and nothing unknown.
 * @throws naming the tensors that are missing, unknown, or of another shape, and both shapes
 */
export function selectTensors(
  store: WeightStore,
  shapes: ReadonlyMap<string, Shape>,
  { prefix = '', ignored = /^$/ }: { prefix?: string; ignored?: RegExp } = {},
): Map<string, WeightSource> {
  const stored = new Map<string, string>() // name in the table -> name in the store
  for (const name of store.names()) {
    const short = name.startsWith(prefix) ? name.slice(prefix.length) : name
    if (stored.has(short))
      throw new Error(`${store.label}: holds ${cut(short)} twice, with and without "${prefix}"`)
    stored.set(short, name)
  }
  const missing = [...shapes.keys()].filter((name) => !stored.has(name))
  if (missing.length > 0) throw new Error(`${store.label}: missing ${listNames(missing)}`)
  const unknown = [...stored.keys()].filter((name) => !shapes.has(name) && !ignored.test(name))
  if (unknown.length > 0)
    throw new Error(`${store.label}: holds ${listNames(unknown)}, which this model does not have`)
  const tensors = new Map<string, WeightSource>()
  for (const [name, shape] of shapes) {
    const source = store.get(stored.get(name)!)
    if (source.shape.length !== shape.length || source.shape.some((dimension, i) => dimension !== shape[i]))
      throw new Error(
        `${store.label}: ${name} is ${showShape(source.shape)}, but the model's sizes need ${showShape(shape)}`,
      )
    tensors.set(name, source)
  }
  return tensors
}

/** The same source, refusing NaN and infinity by the tensor's name: one of them would spread to every result. */
export function finiteSource(label: string, source: WeightSource): WeightSource {
  return {
    name: source.name,
    shape: source.shape,
    async read(into, start) {
      await source.read(into, start)
      if (allFinite(into)) return
      const at = into.findIndex((value) => !Number.isFinite(value))
      throw new Error(
        `${label}: ${source.name} holds ${into[at]} at element ${start + at}; weights must be finite numbers`,
      )
    },
  }
}

/** NaN and infinity have all bits of their exponent set: one more, and the sign's bit is. Twice as fast as a sum of floats. */
function allFinite({ buffer, byteOffset, length }: Float32Array): boolean {
  const words = new Int32Array(buffer, byteOffset, length)
  let seen = 0
  for (let i = 0; i < length; i++) seen |= (words[i] & 0x7f800000) + 0x800000
  return seen >= 0
}

function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 5).map(cut).join(', ')
  return names.length > 5
    ? `${shown} and ${names.length - 5} more tensors`
    : `the tensor${names.length > 1 ? 's' : ''} ${shown}`
}
