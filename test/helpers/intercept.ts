import type { Backend } from '../../engine/backend.ts'

/** What stands between a caller and an op: `call` goes through to the backend itself. */
type Around = (op: string, args: readonly unknown[], call: () => unknown, ops: Backend) => unknown

/** The same backend with `around` at every call, also at those inside scopes. */
export function intercept(ops: Backend, around: Around): Backend {
  return new Proxy(ops, {
    get(target, op) {
      const value: unknown = Reflect.get(target, op, target)
      if (typeof value !== 'function' || typeof op !== 'string') return value
      if (op === 'scope')
        return (work: (ops: Backend) => Promise<void>) => target.scope((ops) => work(intercept(ops, around)))
      return (...args: unknown[]) =>
        around(op, args, () => Reflect.apply(value, target, args) as unknown, target)
    },
  })
}

/** A backend that counts the calls of each op. */
export function countOps(ops: Backend): { ops: Backend; calls: ReadonlyMap<string, number> } {
  const calls = new Map<string, number>()
  const count: Around = (op, _args, call) => {
    calls.set(op, (calls.get(op) ?? 0) + 1)
    return call()
  }
  return { ops: intercept(ops, count), calls }
}
