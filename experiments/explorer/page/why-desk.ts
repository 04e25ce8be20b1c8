// What the section "Why this token?" is drawn from, besides what all sections are drawn from.
import { createContext } from 'preact'
import type { Change } from '../../lab/models/changes.ts'
import type { WhyChoice } from '../protocol.ts'
import type { Dispatch, OpenWhy } from './state.ts'
import type { ShownRun } from './text-run.ts'

export interface WhyDesk {
  readonly run: ShownRun
  /** The position after which the token would stand. */
  readonly token: number
  readonly choice: WhyChoice | null
  readonly open: OpenWhy | null
  /** Asks what the logit loses with each change alone. */
  readonly without: (changes: readonly Change[]) => void
  readonly dispatch: Dispatch
}

/** A new explanation redraws only its own section. */
export const WhyContext = createContext<WhyDesk | null>(null)
