import { checkKeys, show } from './json.ts'

/** Deeper than any file of settings. */
const DEEPEST = 100

/**
 * The fields of a JSON object that says how a model is built, read one by one. A field that is wrong is an
 * error that names the file, the field, what it holds and what is expected.
 */
export class JsonFields {
  readonly label: string
  readonly #fields: Readonly<Record<string, unknown>>
  readonly #read = new Set<string>()
  readonly #within = new Map<string, JsonFields>()

  /** @throws if `json` is not a JSON object; `label` is the file's name in every message */
  constructor(json: string, label: string) {
    this.label = label
    let value: unknown
    try {
      value = JSON.parse(json)
    } catch (error) {
      throw new Error(`${label}: not valid JSON: ${(error as Error).message}`, { cause: error })
    }
    try {
      checkKeys(json, 'the file', DEEPEST)
    } catch (error) {
      throw new Error(`${label}: ${(error as Error).message}`, { cause: error })
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new Error(`${label}: expected a JSON object of settings, got ${show(value)}`)
    this.#fields = value as Record<string, unknown>
  }

  /**
   * Requires fields to have values that this project implements (undefined: may be left out): anything else would
   * silently give wrong numbers.
   */
  require(accepted: Readonly<Record<string, readonly unknown[]>>): void {
    for (const [name, values] of Object.entries(accepted))
      if (!values.some((value) => isSame(value, this.#get(name))))
        throw this.wrong(
          name,
          values
            .filter((value) => value !== undefined)
            .map(show)
            .join(' or '),
        )
  }

  /** A whole number from `min` to `max`. */
  integer(name: string, { min = 1, max = Number.MAX_SAFE_INTEGER, otherwise = NaN } = {}): number {
    const value = this.#get(name) ?? otherwise
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
    throw this.wrong(name, `a whole number from ${min}${max < Number.MAX_SAFE_INTEGER ? ` to ${max}` : ''}`)
  }

  positive(name: string, otherwise?: number): number {
    const value = this.#get(name) ?? otherwise
    if (typeof value === 'number' && value > 0 && value < Infinity) return value // 1e999 is JSON too
    throw this.wrong(name, 'a positive number')
  }

  flag(name: string, otherwise: boolean): boolean {
    const value = this.#get(name) ?? otherwise
    if (typeof value === 'boolean') return value
    throw this.wrong(name, 'true or false')
  }

  text(name: string, otherwise?: string): string {
    const value = this.#get(name) ?? otherwise
    if (typeof value === 'string' && value !== '') return value
    throw this.wrong(name, 'a text')
  }

  /** The fields of an object within; of an empty one if it is left out. */
  object(name: string): JsonFields {
    const known = this.#within.get(name)
    if (known) return known
    const within = new JsonFields(JSON.stringify(this.#fields[name] ?? {}), `${this.label}: ${name}`)
    this.#within.set(name, within)
    return within
  }

  /** The entries of a list; none if it is left out. */
  list(name: string): readonly unknown[] {
    const value = this.#get(name) ?? []
    if (Array.isArray(value)) return value
    throw this.wrong(name, 'a list')
  }

  /** Every field with its value: of the object itself, or of the one under `name`. */
  entries(name?: string): [string, unknown][] {
    const value = name === undefined ? this.#fields : this.#fields[name]
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return Object.entries(value)
    throw this.wrong(name ?? '', 'an object')
  }

  /** The fields that nobody has read or held to a value, those of objects within as `object.field`. */
  unread(): string[] {
    return Object.keys(this.#fields).flatMap((name) => {
      const within = this.#within.get(name)
      if (within) return within.unread().map((inside) => `${name}.${inside}`)
      return this.#read.has(name) ? [] : [name]
    })
  }

  /** Whether the field is there and not null. */
  has(name: string): boolean {
    return (this.#fields[name] ?? null) !== null
  }

  /** Which of a field's names, the newest first, is used here. @throws if two of them say different things */
  alias(names: readonly string[]): string {
    const [used = names[0], ...others] = names.filter((name) => this.has(name))
    for (const other of others) this.require({ [other]: [this.#fields[used]] })
    return used
  }

  /** One of some values. */
  choice<T extends string | boolean>(name: string, values: readonly T[], otherwise: T): T {
    const value = this.#get(name) ?? otherwise
    const found = values.find((one) => one === value)
    if (found !== undefined) return found
    throw this.wrong(name, values.map(show).join(' or '))
  }

  /** @throws naming a field that is none of `names` */
  only(names: readonly string[]): void {
    for (const name of Object.keys(this.#fields))
      if (!names.includes(name)) throw this.wrong(name, `one of ${names.join(', ')}, and no other field`)
  }

  #get(name: string): unknown {
    this.#read.add(name)
    return this.#fields[name]
  }

  /** What is thrown where a field holds what it should not. */
  wrong(name: string, expected: string): Error {
    const value = this.#fields[name]
    const found = value === undefined ? 'missing' : show(value)
    return new Error(`${this.label}: ${name} is ${found}, expected ${expected}`)
  }
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === 'object' && JSON.stringify(a) === JSON.stringify(b))
}
