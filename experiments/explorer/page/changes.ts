// What an edit did to the model’s guesses.
import { html } from '../../lab/report/html.ts'
import type { VNode } from 'preact'
import { showNumber } from '../../lab/report/numbers.ts'
import { dataTable } from '../../lab/report/tables.ts'
import { tokenRuns, tokenText } from '../../lab/report/tokens.ts'
import type { Change } from '../../lab/models/changes.ts'
import type { EditedRun } from '../protocol.ts'
import { thingOf } from './change-words.ts'
import { activations, movedAt, type ShownRun } from './text-run.ts'
import { section, showProbability, textToken, tokenName, vocabularyName } from './parts.ts'
import type { Dispatch } from './state.ts'

const SHOWN_TOKENS = 8
const SHOWN_POSITIONS = 5

export function changes(run: ShownRun, edited: EditedRun, token: number, dispatch: Dispatch): VNode {
  const largest = positionsByKl(edited).slice(0, SHOWN_POSITIONS)
  return section(
    {
      id: 'changes',
      title: 'What did the edit change?',
      step: 'edit',
      open: true,
      lead:
        `${editSentence(run, edited)} The text was read twice, without the edit and with it. How far the guess after each ` +
        'token moved between the two is its KL divergence, in nats (0: not at all).',
    },
    html`<div class="changed">
      <div>
        ${movedText(run, edited)}
        <p class="note">Marked: where the guess after the token moved. Click one of the largest:</p>
        <p class="examples">
          ${largest.map(
            (position) =>
              html`<button
                type="button"
                onClick=${() => dispatch({ type: 'choose', choice: { token: position } })}
              >
                ${textToken(run, position)} ${showNumber(edited.kl[position])}
              </button>`,
          )}
        </p>
      </div>
      ${movedTable(run, token)}
    </div>`,
  )
}

/** What was changed, and whether that could have any effect. */
export function editSentence(run: ShownRun, { edit }: EditedRun): string {
  return edit.map((change) => changeSentence(run, change)).join(' ')
}

function changeSentence(run: ShownRun, change: Change): string {
  const thing = thingOf(change)
  const name = `${thing[0].toUpperCase()}${thing.slice(1)}`
  if (change.kind === 'head') return `${name} is turned off: it fetches nothing, at any token.`
  if (change.kind === 'neuron') return `${name} is turned off: its activation is 0 at every token.`
  if (change.kind === 'up')
    return `${name} is turned up by ${showNumber(change.coefficient)} at every token but BOS.`
  const fires = activations(run.layers[change.layer].features, change.feature)
    .subarray(1)
    .some((value) => value > 0)
  const done = change.kind === 'scale' ? `scaled by ${showNumber(change.factor)}` : 'turned off'
  if (!fires) return `${name} is ${done}, but it fires nowhere in this text: nothing can change.`
  return change.kind === 'scale'
    ? `${name} is ${done}: wherever it fires, it adds that many times what it added before.`
    : `${name} is turned off: what it adds to the stream is taken out wherever it fires.`
}

/** Positions whose guess moved, the most moved first; BOS is left out, as features are never edited there. */
export function positionsByKl({ kl }: EditedRun): number[] {
  const moved = Array.from(kl.keys()).filter((position) => position > 0 && kl[position] > 1e-6)
  return moved.sort((a, b) => kl[b] - kl[a])
}

/** The text with each token marked by how far the guess after it moved. */
function movedText(run: ShownRun, edited: EditedRun): VNode {
  const pieces = run.tokens.map(({ piece }) => piece)
  const rising = positionsByKl(edited).sort((a, b) => a - b)
  const moves = rising.flatMap((position) => [position, Number(edited.kl[position].toPrecision(3))])
  return tokenText(tokenRuns(pieces, moves, Math.max(...edited.kl.subarray(1))))
}

function movedTable(run: ShownRun, token: number): VNode {
  return dataTable({
    caption: `The next token after ${tokenName(run, token)}, most changed first`,
    columns: ['Token', 'Before', 'After', 'Change'],
    rows: movedAt(run, token)
      .slice(0, SHOWN_TOKENS)
      .map(({ index, before, after }) => {
        const change = after - before
        return {
          head: html`<code>${vocabularyName(run, index)}</code>`,
          cells: [
            { content: showProbability(before) },
            { content: showProbability(after) },
            {
              content: showPoints(change),
              level: Math.sign(change) * Math.ceil(8 * Math.min(1, Math.abs(change))),
            },
          ],
        }
      }),
  })
}

/** A change of probability, in percentage points. */
function showPoints(change: number): string {
  const points = Math.abs(100 * change).toFixed(2)
  return `${change < 0 ? '−' : '+'}${points}`
}
