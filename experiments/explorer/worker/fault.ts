// Faults as people see them.
import type { Failure } from '../protocol.ts'

/** A fault that people can do something about: as an error, what the page is told. */
export class Fault extends Error {
  override readonly name = 'Fault'
  readonly kind: Failure['kind']
  readonly advice: string

  constructor(kind: Failure['kind'], message: string, advice: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
    this.advice = advice
  }
}

/** What the page is told about any error. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Fault) return { kind: error.kind, message: error.message, advice: error.advice }
  const message = error instanceof Error ? error.message : String(error)
  if (isMemory(error, message))
    return {
      kind: 'memory',
      message: `The browser gives no more memory: ${message}`,
      advice: 'Close other tabs or programs and reload this page.',
    }
  return {
    kind: 'internal',
    message: `Something went wrong that should not: ${message}`,
    advice: 'Reload this page. If it happens again, it is a fault of this program: please report it.',
  }
}

/** V8 and SpiderMonkey refuse buffers and WebAssembly memory by RangeErrors; the engine names its own arena. */
function isMemory(error: unknown, message: string): boolean {
  return message.startsWith('wasm memory:') || (error instanceof RangeError && /memory|alloc/i.test(message))
}
