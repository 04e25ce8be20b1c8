// Python pickles, read without running anything: what they would call or import becomes an inert record.
import { show } from './json.ts'
import { WeightsFileError } from './weights.ts'

/** The name of a class or function that a pickle refers to, e.g. `torch.float32`. Nothing is looked up by it. */
export class PickledName {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

/** What Python would have made by a call: what is called, with which arguments, and the state that was set after it. */
export class PickledRecord {
  readonly name: string
  readonly args: readonly unknown[]
  /** Of a usual object, a Map of its attributes. */
  state: unknown
  constructor(name: string, args: readonly unknown[]) {
    this.name = name
    this.args = args
  }
}

/** The few names that stand for something other than an inert record. */
export interface PickleMeaning {
  /** What a call makes; undefined: a PickledRecord. */
  readonly call?: (name: string, args: readonly unknown[]) => unknown
  /** What a persistent id stands for: data that lies elsewhere. */
  readonly persistent?: (id: unknown) => unknown
}

/** Above this, an integer's digits are an attack rather than a number. */
const LONGEST_INTEGER = 64 // bytes

/**
 * Reads one pickle, protocol 2 to 5, from the beginning of `bytes`; what follows it is left alone. None, booleans, numbers
 * and strings are themselves (integers beyond 2^53 bigint), bytes a view of `bytes`, lists and tuples arrays, dicts and
 * `collections.OrderedDict` Maps, sets Sets, every other object a PickledRecord. Takes time and memory in proportion to the
 * pickle's length: nothing is imported, called or resolved, whatever it names. An object may contain itself.
 * The format: pickletools.py in Python's library
 * @returns the value, and where the pickle ends
 * @throws for an opcode that is not in the list below, for a pickle that is cut off or whose stack does not hold what an opcode needs
 */
export function unpickle(
  label: string,
  bytes: Uint8Array,
  meaning: PickleMeaning = {},
): { value: unknown; end: number } {
  const reader = new PickleReader(label, bytes, meaning)
  return { value: reader.run(), end: reader.at }
}

const MARK = Symbol('mark')

class PickleReader {
  at = 0
  readonly #label: string
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #meaning: PickleMeaning
  readonly #stack: unknown[] = []
  readonly #memo = new Map<number, unknown>()

  constructor(label: string, bytes: Uint8Array, meaning: PickleMeaning) {
    this.#label = label
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#meaning = meaning
  }

  run(): unknown {
    for (;;) {
      const place = this.at
      const code = this.#number(1)
      if (code === 0x2e) return this.#pop() // STOP
      const opcode = OPCODES.get(code)
      if (!opcode)
        throw this.#wrong(
          `opcode 0x${code.toString(16)} at byte ${place} is not one that data needs: is this a pickle?`,
        )
      opcode(this.#machine)
    }
  }

  /** What opcodes may do. */
  readonly #machine: Machine = {
    push: (value) => void this.#stack.push(value),
    pop: () => this.#pop(),
    top: () => this.#top(),
    popMarked: () => this.#popMarked(),
    number: (length) => this.#number(length),
    float: () => this.#view.getFloat64(this.#take(8).byteOffset - this.#bytes.byteOffset),
    bytes: (length) => this.#take(length),
    line: () => this.#line(),
    remember: (key = this.#memo.size) => void this.#memo.set(key, this.#top()),
    recall: (key) => {
      if (!this.#memo.has(key)) throw this.#wrong(`value ${key} is used before it is there`)
      return this.#memo.get(key)
    },
    call: (callee, args) => this.#call(callee, args),
    persistent: (id) => {
      if (!this.#meaning.persistent)
        throw this.#wrong('refers to data outside itself, of which nothing is known')
      return this.#meaning.persistent(id)
    },
    wrong: (text) => this.#wrong(text),
  }

  #call(callee: unknown, args: unknown): unknown {
    if (!(callee instanceof PickledName)) throw this.#wrong('calls what is no name of a class or function')
    if (!Array.isArray(args)) throw this.#wrong(`calls ${show(callee.name)} without a tuple of arguments`)
    if (callee.name === 'collections.OrderedDict') return new Map(pairsOf(args[0]))
    // How protocol 2 writes bytes.
    if (callee.name === '_codecs.encode' && typeof args[0] === 'string' && args[1] === 'latin1')
      return Uint8Array.from(args[0], (character) => character.charCodeAt(0))
    return this.#meaning.call?.(callee.name, args) ?? new PickledRecord(callee.name, args)
  }

  #take(length: number): Uint8Array {
    if (!(length >= 0 && this.at + length <= this.#bytes.length))
      throw this.#wrong(
        `expected ${length} bytes at ${this.at}, found ${this.#bytes.length - this.at}: was it cut off?`,
      )
    this.at += length
    return this.#bytes.subarray(this.at - length, this.at)
  }

  /** An unsigned little-endian number. */
  #number(length: number): number {
    return this.#take(length).reduceRight((number, byte) => number * 256 + byte, 0)
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.at)
    if (end < 0) throw this.#wrong(`expected the end of a line after byte ${this.at}: was it cut off?`)
    const text = utf8(this.#take(end - this.at))
    this.at += 1
    return text
  }

  #top(): unknown {
    if (this.#stack.length === 0 || this.#stack.at(-1) === MARK)
      throw this.#wrong('its stack holds less than it needs')
    return this.#stack.at(-1)
  }

  #pop(): unknown {
    const value = this.#top()
    this.#stack.pop()
    return value
  }

  #popMarked(): unknown[] {
    const mark = this.#stack.lastIndexOf(MARK)
    if (mark < 0) throw this.#wrong('its stack holds no mark where one is needed')
    return this.#stack.splice(mark).slice(1)
  }

  #wrong(text: string): Error {
    return new WeightsFileError(`${this.#label}: pickle: ${text}`)
  }
}

interface Machine {
  push(value: unknown): void
  pop(): unknown
  top(): unknown
  /** Everything above the last mark, which goes with it. */
  popMarked(): unknown[]
  number(length: number): number
  float(): number
  bytes(length: number): Uint8Array
  line(): string
  /** Keeps the top of the stack under a number, the next one if left out. */
  remember(key?: number): void
  recall(key: number): unknown
  call(callee: unknown, args: unknown): unknown
  persistent(id: unknown): unknown
  wrong(text: string): Error
}

/** The opcodes that are understood, by number; all others are refused. STOP is the reader's own. */
const OPCODES: ReadonlyMap<number, (m: Machine) => void> = new Map<number, (m: Machine) => void>([
  [0x80, (m) => void m.number(1)], // PROTO
  [0x95, (m) => void m.number(8)], // FRAME
  // constants and numbers
  [0x4e, (m) => m.push(null)], // NONE
  [0x88, (m) => m.push(true)], // NEWTRUE
  [0x89, (m) => m.push(false)], // NEWFALSE
  [0x4b, (m) => m.push(m.number(1))], // BININT1
  [0x4d, (m) => m.push(m.number(2))], // BININT2
  [0x4a, (m) => m.push(m.number(4) | 0)], // BININT
  [0x8a, (m) => m.push(integer(m, m.number(1)))], // LONG1
  [0x8b, (m) => m.push(integer(m, m.number(4)))], // LONG4
  [0x47, (m) => m.push(m.float())], // BINFLOAT
  // texts and bytes
  [0x8c, (m) => m.push(utf8(m.bytes(m.number(1))))], // SHORT_BINUNICODE
  [0x58, (m) => m.push(utf8(m.bytes(m.number(4))))], // BINUNICODE
  [0x8d, (m) => m.push(utf8(m.bytes(m.number(8))))], // BINUNICODE8
  [0x55, (m) => m.push(latin1(m.bytes(m.number(1))))], // SHORT_BINSTRING
  [0x54, (m) => m.push(latin1(m.bytes(m.number(4))))], // BINSTRING
  [0x43, (m) => m.push(m.bytes(m.number(1)))], // SHORT_BINBYTES
  [0x42, (m) => m.push(m.bytes(m.number(4)))], // BINBYTES
  [0x8e, (m) => m.push(m.bytes(m.number(8)))], // BINBYTES8
  [0x96, (m) => m.push(m.bytes(m.number(8)))], // BYTEARRAY8
  // containers
  [0x28, (m) => m.push(MARK)], // MARK
  [0x5d, (m) => m.push([])], // EMPTY_LIST
  [0x29, (m) => m.push([])], // EMPTY_TUPLE
  [0x7d, (m) => m.push(new Map())], // EMPTY_DICT
  [0x8f, (m) => m.push(new Set())], // EMPTY_SET
  [0x85, (m) => m.push([m.pop()])], // TUPLE1
  [0x86, (m) => m.push([m.pop(), m.pop()].reverse())], // TUPLE2
  [0x87, (m) => m.push([m.pop(), m.pop(), m.pop()].reverse())], // TUPLE3
  [0x74, (m) => m.push(m.popMarked())], // TUPLE
  [0x91, (m) => m.push(new Set(m.popMarked()))], // FROZENSET
  [0x61, (m) => append(m, [m.pop()])], // APPEND
  [0x65, (m) => append(m, m.popMarked())], // APPENDS
  [0x73, (m) => setItems(m, [m.pop(), m.pop()].reverse())], // SETITEM
  [0x75, (m) => setItems(m, m.popMarked())], // SETITEMS
  [0x90, (m) => addItems(m, m.popMarked())], // ADDITEMS
  // objects
  [0x63, (m) => m.push(new PickledName(`${m.line()}.${m.line()}`))], // GLOBAL
  [0x93, stackGlobal], // STACK_GLOBAL
  [0x52, (m) => callWith(m, 0)], // REDUCE
  [0x81, (m) => callWith(m, 0)], // NEWOBJ
  [0x92, (m) => callWith(m, 1)], // NEWOBJ_EX
  [0x62, build], // BUILD
  [0x51, (m) => m.push(m.persistent(m.pop()))], // BINPERSID
  // stack and memo
  [0x30, (m) => void m.pop()], // POP
  [0x31, (m) => void m.popMarked()], // POP_MARK
  [0x32, (m) => m.push(m.top())], // DUP
  [0x71, (m) => m.remember(m.number(1))], // BINPUT
  [0x72, (m) => m.remember(m.number(4))], // LONG_BINPUT
  [0x94, (m) => m.remember()], // MEMOIZE
  [0x68, (m) => m.push(m.recall(m.number(1)))], // BINGET
  [0x6a, (m) => m.push(m.recall(m.number(4)))], // LONG_BINGET
])

function stackGlobal(m: Machine): void {
  const [name, module] = [m.pop(), m.pop()]
  if (typeof name !== 'string' || typeof module !== 'string')
    throw m.wrong('names a class by what is no text')
  m.push(new PickledName(`${module}.${name}`))
}

/** The top of the stack is the arguments, below it what is called; NEWOBJ_EX has keyword arguments above them. */
function callWith(m: Machine, keywords: number): void {
  const named = keywords > 0 ? [m.pop()] : []
  const args = m.pop()
  const made = m.call(m.pop(), args)
  if (made instanceof PickledRecord && named.length > 0) [made.state] = named
  m.push(made)
}

/** A dict's or a tensor's own attributes change nothing that is read here. */
function build(m: Machine): void {
  const state = m.pop()
  const object = m.top()
  if (object instanceof PickledRecord) object.state = state
}

function append(m: Machine, items: readonly unknown[]): void {
  const list = m.top()
  if (!Array.isArray(list)) throw m.wrong('appends to what is no list')
  for (const item of items) list.push(item)
}

function setItems(m: Machine, items: readonly unknown[]): void {
  const dict = m.top()
  if (!(dict instanceof Map) || items.length % 2 === 1) throw m.wrong('sets items of what is no dict')
  for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1])
}

function addItems(m: Machine, items: readonly unknown[]): void {
  const set = m.top()
  if (!(set instanceof Set)) throw m.wrong('adds to what is no set')
  for (const item of items) set.add(item)
}

/** The pairs that an OrderedDict is made from. */
function pairsOf(items: unknown): [unknown, unknown][] {
  if (!Array.isArray(items)) return []
  return items.filter(Array.isArray).map(([key, value]) => [key, value])
}

/** A little-endian integer in two's complement. */
function integer(m: Machine, length: number): number | bigint {
  if (length > LONGEST_INTEGER)
    throw m.wrong(`an integer of ${length} bytes, expected at most ${LONGEST_INTEGER}`)
  const value = m.bytes(length).reduceRight((number, byte) => number * 256n + BigInt(byte), 0n)
  const signed = BigInt.asIntN(8 * length, value)
  return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed
}

const utf8 = (bytes: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)

const latin1 = (bytes: Uint8Array): string => {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

/**
 * The attributes of an object, or the items of a dict, whose names are texts: of a configuration, say.
 * undefined for anything else.
 */
export function pickledFields(value: unknown): ReadonlyMap<string, unknown> | undefined {
  const items = value instanceof PickledRecord ? value.state : value
  if (!(items instanceof Map)) return undefined
  return new Map([...items].filter((item): item is [string, unknown] => typeof item[0] === 'string'))
}
