// What the page knows about two texts beside each other, and how answers change that.
import type { Column } from '../align.ts'
import type { Answer, Failure, Pair, PatchedRow, Patching } from '../protocol.ts'
import type { Link } from './link.ts'
import type { ShownRun } from './text-run.ts'

export interface PairState {
  /** The other text read beside the page's, or how far that has got. */
  readonly pair: ShownPair | null
  /** What one text's activations do in the other, or how far that has got. */
  readonly patching: ShownPatching | null
}

/** Both texts as they were read together; they stay until the next pair arrives. */
export type ShownPair = { readonly id: number; readonly failure: Failure | null } & (
  { readonly own: null; readonly run: null } | (ReadPair & Omit<Pair, 'run'>)
)

interface ReadPair {
  readonly own: ShownRun
  readonly run: ShownRun
}

export interface ShownPatching {
  readonly id: number
  readonly start: Patching | null
  readonly rows: readonly PatchedRow[]
  readonly failure: Failure | null
}

/** Both texts, and which of their tokens are compared. */
export interface Beside {
  readonly own: ShownRun
  readonly run: ShownRun
  readonly columns: readonly Column[]
  /** The position in each; null if nothing corresponds to the other's. */
  readonly at: Column
}

/** The part of it that another link leaves in place. */
export function pairKept(state: PairState & { readonly link: Link }, wanted: Link): PairState {
  const asked = ({ text, other, patch }: Link): string => JSON.stringify([text, other, patch])
  return {
    pair: wanted.other === '' ? null : state.pair,
    patching: asked(wanted) === asked(state.link) ? state.patching : null,
  }
}

export function pairAnswered(
  { pair, patching, run: own }: PairState & { readonly run: ShownRun | null },
  answer: Extract<Answer, { type: 'pair' | 'patching' | 'patched' }>,
): Partial<PairState> {
  if (answer.type === 'pair') {
    if (answer.id !== pair?.id || own === null) return {}
    const run: ShownRun = { ...answer.pair.run, id: answer.id, opened: own.opened }
    return { pair: { ...answer.pair, id: answer.id, failure: null, own, run } }
  }
  if (patching === null || answer.id !== patching.id) return {}
  if (answer.type === 'patching') return { patching: { ...patching, start: answer.patching } }
  return { patching: { ...patching, rows: [...patching.rows, answer.row] } }
}
