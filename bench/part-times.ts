// How long each part of a model takes, pass by pass, and the least that it must do.
import { opCost } from './op-cost.ts'
import { wrapOps, type OpCall } from './wrap-ops.ts'
import { makeRow, type Ceiling, type Cost, type Row, type RowName } from './rows.ts'
import type { Backend } from '../engine/backend.ts'

/** What one part of the model did in one pass. */
interface Part extends Cost {
  readonly ms: number
  readonly dimensions: readonly number[]
}

export class PartTimes {
  readonly #nameOf: (call: OpCall) => string
  readonly #passes: Map<string, Part>[] = []

  constructor(nameOf: (call: OpCall) => string) {
    this.#nameOf = nameOf
  }

  /** The backend to run the next pass on. */
  startPass(ops: Backend): Backend {
    const parts = new Map<string, Part>()
    this.#passes.push(parts)
    return wrapOps(ops, async (call, run) => {
      const start = performance.now()
      const result = await run()
      const ms = performance.now() - start
      const name = this.#nameOf(call)
      parts.set(name, together(parts.get(name), { ...opCost(call), ms }))
      return result
    })
  }

  /** One row per part, in the order of the model. Blocks are added up as `blocks.*`; those in `layers` also have rows of their own. */
  rows(name: Omit<RowName, 'work' | 'shape'>, ceiling: Ceiling, layers: readonly number[] = []): Row[] {
    const partsOf = new Map<string, string[]>() // by row
    for (const part of this.#passes[0].keys()) {
      const layer = /^blocks\.(\d+)\./.exec(part)?.[1]
      if (layer !== undefined && layers.includes(Number(layer))) partsOf.set(part, [part])
      const group = part.replace(/^blocks\.\d+\./, 'blocks.*.')
      partsOf.set(group, [...(partsOf.get(group) ?? []), part])
    }
    return Array.from(partsOf, ([work, names]) => {
      const ofPass = this.#passes.map((pass) => names.map((part) => pass.get(part)!))
      const samples = ofPass.map((members) => members.reduce((total, { ms }) => total + ms, 0))
      const shape = ofPass[0][0].dimensions.join('x')
      return makeRow({ ...name, work, shape }, samples, sum(ofPass[0]), ceiling)
    })
  }

  /** All that must be done in a pass. */
  get passCost(): Cost {
    return sum([...this.#passes[0].values()])
  }
}

function sum(costs: readonly Cost[]): Cost {
  return {
    flops: costs.reduce((total, { flops }) => total + flops, 0),
    bytes: costs.reduce((total, { bytes }) => total + bytes, 0),
  }
}

/** Several calls that form one part: q, k and v read the same input, and count as one matrix with all their columns. */
function together(before: Part | undefined, now: Part): Part {
  if (!before) return now
  const [a, b] = [before.dimensions, now.dimensions]
  // A matrix's dimensions say more than those of the ops on its rows before it.
  const dimensions =
    a.length === 3 && b.length === 3 ? [a[0], a[1], a[2] + b[2]] : b.length > a.length ? b : a
  return { ...sum([before, now]), ms: before.ms + now.ms, dimensions }
}
