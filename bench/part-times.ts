import { opCost } from './op-cost.ts'
import { wrapOps, type OpCall } from './wrap-ops.ts'
import { makeRow, type Ceiling, type Cost, type Row, type RowName } from './rows.ts'
import type { Backend } from '../engine/backend.ts'

/** What one part of the model did in one pass. */
interface Part extends Cost {
  readonly ms: number
  readonly dimensions: readonly number[]
}

/** Gathers, pass by pass, how long each part of a model takes and what it must do. */
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

  /** A row a part, in the order of the model. Blocks are added up as `blocks.*`; those in `layers` have rows of their own, too. */
  rows(
    name: Pick<RowName, 'backend' | 'mode' | 'threads'>,
    ceiling: Ceiling,
    layers: readonly number[],
  ): Row[] {
    const names = [...this.#passes[0].keys()]
    const rows = new Map<string, Row>()
    for (const part of names) {
      const layer = /^blocks\.(\d+)\./.exec(part)?.[1]
      const group = part.replace(/^blocks\.\d+\./, 'blocks.*.')
      if (layer !== undefined && layers.includes(Number(layer)))
        rows.set(part, this.#row([part], part, name, ceiling))
      if (!rows.has(group)) {
        const members = names.filter((other) => other.replace(/^blocks\.\d+\./, 'blocks.*.') === group)
        rows.set(group, this.#row(members, group, name, ceiling))
      }
    }
    return [...rows.values()]
  }

  /** All that must be done in a pass. */
  get passCost(): Cost {
    return sum([...this.#passes[0].values()])
  }

  #row(
    parts: readonly string[],
    work: string,
    name: Pick<RowName, 'backend' | 'mode' | 'threads'>,
    ceiling: Ceiling,
  ): Row {
    const ofPass = this.#passes.map((pass) => parts.map((part) => pass.get(part)!))
    const samples = ofPass.map((members) => members.reduce((total, { ms }) => total + ms, 0))
    const shape = ofPass[0][0].dimensions.join('x')
    return makeRow({ ...name, work, shape }, samples, sum(ofPass[0]), ceiling)
  }
}

function sum(costs: readonly Cost[]): Cost {
  return {
    flops: costs.reduce((total, { flops }) => total + flops, 0),
    bytes: costs.reduce((total, { bytes }) => total + bytes, 0),
  }
}

/** Several calls that are one part: q, k and v, of the same input, count as one matrix of all their columns. */
function together(before: Part | undefined, now: Part): Part {
  if (!before) return now
  const [rows, inputs, outputs] = before.dimensions
  const beside = now.dimensions.length === 3 && before.dimensions.length === 3
  return {
    ...sum([before, now]),
    ms: before.ms + now.ms,
    dimensions: beside ? [rows, inputs, outputs + now.dimensions[2]] : longer(before, now),
  }
}

/** A matrix's dimensions say more than those of what was done to its rows before. */
function longer(a: Part, b: Part): readonly number[] {
  return b.dimensions.length > a.dimensions.length ? b.dimensions : a.dimensions
}
