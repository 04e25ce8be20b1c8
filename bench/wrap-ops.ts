// A backend with a wrapper around every op, which times the parts of a model, counts their cost, or verifies them.
import type { Backend } from '../engine/backend.ts'

/** What a backend has besides its ops. */
type Other = 'name' | 'mode' | 'screening' | 'scope' | 'upload' | 'download' | 'reshape'
type Resource =
  'prepareLinear' | 'prepareEncoder' | 'prepareTable' | 'prepareNorm' | 'createCache' | 'release' | 'dispose'
type OpName = Exclude<keyof Backend, Other | Resource>
const isNoOp = /^(upload|download|reshape|prepare.*|createCache|release|dispose)$/

/** One call of an op: its name and its arguments. */
export type OpCall = { [N in OpName]: { op: N; args: Parameters<Backend[N]> } }[OpName]

/** Wraps every op: `run` does the work, and its result is passed on. */
export type Around = (call: OpCall, run: () => Promise<unknown>) => Promise<unknown>

/** The same backend, with `around` called for every op, inside scopes too. */
export function wrapOps(ops: Backend, around: Around): Backend {
  const scope: Backend['scope'] = (work) => ops.scope((inner) => work(wrapOps(inner, around)))
  return new Proxy(ops, {
    get(target, key) {
      if (key === 'scope') return scope
      const member: unknown = Reflect.get(target, key)
      if (typeof member !== 'function') return member
      const call = (...args: unknown[]): unknown => Reflect.apply(member, target, args)
      if (isNoOp.test(String(key))) return call
      return (...args: unknown[]) =>
        around({ op: key, args } as OpCall, () => call(...args) as Promise<unknown>)
    },
  })
}
