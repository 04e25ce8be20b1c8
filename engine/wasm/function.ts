// WebAssembly functions with names: they are written and called by the names of their parameters, not by their order.
import { call as callInOrder, func as funcInOrder, i32, importMemory, Module } from 'wasmati'
import type { AnyFunc, Func, Input, Local, StackVar, ToTypeTuple, TupleN, ValueType } from 'wasmati'
import { constantsIn } from './constants.ts'
import type { Signature } from './kernels.ts'
import { MAX_PAGES } from './memory.ts'

/**
 * A module's bytes; its only import is a memory. V8 keeps compiled code by them, so `paired`, whether it is compiled with
 * vectors in pairs, is part of them.
 */
export function moduleBytes(
  exports: Readonly<Record<string, AnyFunc<ValueType[], ValueType[]>>>,
  { paired, shared }: { paired: boolean; shared: boolean },
): Uint8Array<ArrayBuffer> {
  const marker = funcInOrder({ in: [], out: [i32] }, () => i32.const(Number(paired)))
  const memory = importMemory({ min: 1, max: MAX_PAGES, shared })
  constantsIn(memory)
  return new Uint8Array(Module({ memory, exports: { ...exports, paired: marker } }).toBytes())
}

/** How many locals of each type a function has. */
type Locals = { readonly [T in ValueType]?: number }
type SomeTypes = [ValueType, ...ValueType[]]
type Named<S extends Signature> = { readonly [Name in keyof S]: Local<S[Name]> }
type Counted<L extends Locals> = { readonly [T in keyof L]: TupleN<Local<T>, L[T] & number> }

/** A function, its parameters' names, and what it leaves on the stack. */
export type NamedFunc<S extends Signature = Signature, R extends ValueType = ValueType> = Func<
  ValueType[],
  [R]
> & { readonly signature: S }

/** Emits a function: `body` is given its parameters by name, and its locals by type. `out`: the type of what it leaves. */
export function func<
  const S extends Signature,
  const L extends Locals = Record<never, never>,
  const R extends ValueType = never,
>(
  { in: signature, locals, out }: { in: S; locals?: L; out?: R },
  body: (parameters: Named<S>, locals: Counted<L>) => void,
): NamedFunc<S, R> {
  const [names, groups] = [Object.keys(signature), Object.entries(locals ?? {}) as [ValueType, number][]]
  const types = (kinds: readonly ValueType[]) => kinds.map((kind) => ({ kind })) as ToTypeTuple<SomeTypes>
  const emitted = funcInOrder<SomeTypes, SomeTypes, [R]>(
    {
      in: types(Object.values(signature)),
      locals: types(groups.flatMap(([type, count]) => Array<ValueType>(count).fill(type))),
      out: types(out ? [out] : []) as unknown as ToTypeTuple<[R]>,
    },
    (parameters, all) => {
      const named = Object.fromEntries(names.map((name, i) => [name, parameters[i]]))
      const counted = groups.map(([type]) => [type, all.filter((local) => local.type === type)])
      body(named as Named<S>, Object.fromEntries(counted) as Counted<L>)
    },
  )
  return Object.assign(emitted, { signature })
}

/**
 * Calls a function. Operands that are emitted on the way must stand in the order of its parameters, because that is how
 * they lie on the stack. @throws if they do not
 */
export function call<S extends Signature, R extends ValueType>(
  target: NamedFunc<S, R>,
  args: { readonly [Name in keyof S]: Input<S[Name]> },
): StackVar<R> {
  const names = Object.keys(target.signature)
  const inOrder = names.map((name) => args[name])
  const emitted = inOrder.flatMap((arg) =>
    typeof arg === 'object' && arg.kind === 'stack-var' ? [arg.id] : [],
  )
  if (emitted.some((id, i) => id < emitted[i - 1]))
    throw new Error(`call: operands are emitted in the order they are written in: write ${names.join(', ')}`)
  return callInOrder(target, inOrder) as StackVar<R>
}
