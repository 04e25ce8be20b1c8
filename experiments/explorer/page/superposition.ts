// "Why are there more features than dimensions?": five features learn, before the reader's eyes, to share a plane.
import { html } from '../../lab/report/html.ts'
import { h, type VNode } from 'preact'
import { useRef } from 'preact/hooks'
import {
  arrowsOf,
  describeArrows,
  describePay,
  expectedLoss,
  showLoss,
  twoKeptLoss,
} from '../../lab/analysis/superposition/judge.ts'
import {
  FEATURES,
  PRESENT,
  STEPS,
  type ToySettings,
  type ToyTraining,
} from '../../lab/analysis/superposition/toy.ts'
import { useInSight } from './in-sight.ts'
import { memo } from './memo.ts'
import { barList, section, showProbability, term, valueOf } from './parts.ts'
import type { Dispatch } from './state.ts'
import { arrowPicture, readsTable, smallPicture } from './superposition-picture.ts'
import { DECAYS } from './toy-link.ts'
import { useToy, useToys, type ToyDesk } from './use-toy.ts'

interface Props {
  readonly settings: ToySettings
  /** The numbers in a row of the model's stream. */
  readonly dModel: number
  readonly dispatch: Dispatch
}

type Choose = (choice: Partial<ToySettings>, passing?: boolean) => void

/** Not drawn again while a text is typed. */
export const SuperpositionSection = memo((props: Props): VNode =>
  section(
    {
      id: 'superposition',
      title: 'Why are there more features than dimensions?',
      step: 'superposition',
      lead: [
        'Because only a few are present at a time. Here a toy learns on this page: five features have to go through a plane, ' +
          'which is two numbers, and come out as they went in. An arrow is the direction in which one feature is written, as ' +
          `a decoder direction of an SAE is one in the ${props.dModel} numbers of the stream. While all are always present, two ` +
          'get a dimension each, and three are given up. Make them rarer with the slider, and they begin to share: this is ',
        term('superposition'),
        '.',
      ],
    },
    h(Toy, props),
  ),
)

/** A component of its own, so that nothing trains while the section is folded. */
function Toy({ settings, dispatch }: Props): VNode {
  const element = useRef<HTMLDivElement>(null)
  const inSight = useInSight(element)
  const desk = useToy(settings, inSight)
  const all = useToys(settings, inSight && !desk.playing)
  const choose: Choose = (choice, passing = false) =>
    dispatch({ type: 'choose', choice: { toy: { ...settings, ...choice } }, passing })
  const { toy, steps } = desk.training
  const arrows = arrowsOf(toy)
  const seen = describeArrows(arrows)
  return html`<div ref=${element} class="toy">
    ${controls(settings, choose)}
    <p class="examples">
      ${playButton(desk)}
      <button type="button" onClick=${() => choose({ seed: (settings.seed + 1) % 1_000_000 })}>
        Train from another start
      </button>
      <span>
        ${`Step ${steps.toLocaleString('en')} of ${STEPS.toLocaleString('en')}, from start ${settings.seed}`}
      </span>
    </p>
    <div class="toy-picture">
      <div>${arrowPicture(toy, seen)} ${strip(all, settings, choose)}</div>
      <div>
        ${losses(settings, desk, seen)}
        <h3>Benefit against interference</h3>
        ${readsTable(arrows)}
        <p class="note">
          On the diagonal a feature’s reader reads the feature itself, and should get 1. Elsewhere it reads
          another one, and should get 0. What is below 0 does no harm by itself: the ReLU makes it 0. What is
          above 0 disturbs, but only while the other one is there. Where that is rare, five arrows that
          disturb each other cost less than three features given up. <code>npm run superposition</code> prints
          these numbers, and how crowded the directions of the bundled SAEs are.
        </p>
      </div>
    </div>
  </div>`
}

function controls({ present, decay }: ToySettings, choose: Choose): VNode {
  const together = `${Number((FEATURES * present).toPrecision(2))} of ${FEATURES} at once, on average`
  return html`<div class="toy-controls">
    <p class="slider">
      <label for="present">Each feature is present</label>
      <input
        id="present"
        type="range"
        min="0"
        max=${PRESENT.length - 1}
        step="1"
        value=${PRESENT.indexOf(present)}
        aria-valuetext=${`${howOften(present)}: ${together}`}
        onInput=${(event: Event) => choose({ present: PRESENT[Number(valueOf(event))] }, true)}
      />
      <output for="present"><b>${howOften(present)}</b> <small>${together}</small></output>
    </p>
    <label
      >Each next feature matters${' '}
      <select value=${decay} onChange=${(event: Event) => choose({ decay: Number(valueOf(event)) })}>
        ${DECAYS.map(
          (value) =>
            html`<option value=${value} selected=${value === decay}>
              ${value === 1 ? 'as much' : `${value} times as much`}
            </option>`,
        )}
      </select></label
    >
  </div>`
}

const howOften = (present: number): string =>
  present === 1 ? 'always' : `${showProbability(present)} of the time`

/** One element whatever it does, so that whoever presses it with a key keeps the focus. */
function playButton({ training, playing, play, stop, again }: ToyDesk): VNode {
  const [name, act] = playing ? ['Stop', stop] : training.done ? ['Train again', again] : ['Go on', play]
  return html`<button type="button" onClick=${act}>${name}</button>`
}

/** What is seen now, in words, and what it costs. Read out when training has stopped. */
function losses(settings: ToySettings, { training, playing }: ToyDesk, seen: string): VNode[] {
  const [loss, twoKept] = [expectedLoss(training.toy, settings), twoKeptLoss(settings)]
  const most = Math.max(loss, twoKept)
  const bar = (label: string, value: number) => ({ label, shown: showLoss(value), share: value / most })
  return [
    html`<p class="seen" aria-live=${playing ? 'off' : 'polite'}>
      ${`${seen} ${describePay(loss, twoKept)}`}
    </p>`,
    html`<h3>Loss: what does not come out as it went in</h3>`,
    barList([bar('This toy', loss), bar('Two features alone', twoKept)], 'Loss'),
  ]
}

/** Where training from this start ends, at each of the slider's stops. */
function strip(all: readonly ToyTraining[], settings: ToySettings, choose: Choose): VNode {
  return html`<ol
    class="toy-strip"
    aria-label="Where it ends, from features that are always present to rare ones"
  >
    ${all.map(({ toy, done, settings: { present } }) => {
      const kept = done ? `, ${arrowsOf(toy).kept.length} kept` : ''
      return html`<li>
        <button
          type="button"
          aria-pressed=${present === settings.present}
          onClick=${() => choose({ present })}
        >
          ${done ? smallPicture(toy) : html`<span class="small"></span>`}
          <span class="sr">Present </span>${present === 1 ? 'always' : showProbability(present)}<span
            class="sr"
            >${kept}</span
          >
        </button>
      </li>`
    })}
  </ol>`
}
