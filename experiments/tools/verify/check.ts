// Numbers held against a reference.

/** One kind of number that was held against the reference, over all prompts. */
export interface Check {
  readonly model: string
  /** `logits`, `blocks.3.hook_resid_pre`, ... */
  readonly what: string
  /** How many numbers were compared. */
  count: number
  /** The largest difference found. */
  error: number
  /** The largest difference allowed. */
  readonly limit: number
}

/** Collects checks: the same name adds up over prompts. */
export class Checks {
  readonly #model: string
  readonly #checks = new Map<string, Check>()

  constructor(model: string) {
    this.#model = model
  }

  /** Compares numbers one by one; a NaN, or a missing number, counts as an infinite error. */
  compare(what: string, limit: number, got: ArrayLike<number>, expected: ArrayLike<number>): void {
    const check = this.#checks.get(what) ?? { model: this.#model, what, count: 0, error: 0, limit }
    this.#checks.set(what, check)
    check.count += expected.length
    if (got.length !== expected.length) check.error = Infinity
    for (let i = 0; i < expected.length; i++) {
      const difference = Math.abs(got[i] - expected[i])
      check.error = Math.max(check.error, Number.isNaN(difference) ? Infinity : difference)
    }
  }

  list(): Check[] {
    return [...this.#checks.values()]
  }
}

export function passed({ error, limit, count }: Check): boolean {
  return count > 0 && error <= limit
}
