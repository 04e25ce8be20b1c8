// The toy's arrows in their plane, and what each reads from the others.
import { html } from '../../lab/report/html.ts'
import type { VNode } from 'preact'
import type { Arrows } from '../../lab/analysis/superposition/judge.ts'
import { FEATURES, type Toy } from '../../lab/analysis/superposition/toy.ts'
import { levelOf, showSigned } from '../../lab/report/numbers.ts'
import { colourScale, dataTable } from '../../lab/report/tables.ts'

/** Half the width of the drawing, in its units, and the length of an arrow of length 1: trained ones reach to 1.2. */
const [HALF, UNIT] = [160, 106]
/** Arrows shorter than this have neither head nor name. */
const SHORT = 15
/** What is read this strongly gets the darkest colour; what is read less than this gets none. */
const [DARKEST, FAINTEST] = [1.4, 0.05]

const features = Array.from({ length: FEATURES }, (_, i) => i)

/** A picture that `seen` describes in words. */
export function arrowPicture(toy: Toy, seen: string): VNode {
  return html`<svg class="arrows" viewBox="${-HALF} ${-HALF} ${2 * HALF} ${2 * HALF}" role="img">
    <title>The five features’ arrows in the plane</title>
    <desc>${seen}</desc>
    <line class="axis" x1=${-HALF} x2=${HALF} />
    <line class="axis" y1=${-HALF} y2=${HALF} />
    <circle class="unit" r=${UNIT} />
    <text class="unit-name" x=${UNIT + 4} y="-5">length 1</text>
    ${features.map((i) => arrow(toy, i))}
  </svg>`
}

/** The same as a button's small picture: lines only, no names. */
export function smallPicture({ W }: Toy): VNode {
  return html`<svg
    class="arrows small"
    viewBox="${-HALF} ${-HALF} ${2 * HALF} ${2 * HALF}"
    aria-hidden="true"
  >
    <circle class="unit" r=${UNIT} />
    ${features.map(
      (i) =>
        html`<g class="arrow-${i + 1}">
          <line x2=${(UNIT * W[2 * i]).toFixed(1)} y2=${(-UNIT * W[2 * i + 1]).toFixed(1)} />
        </g>`,
    )}
  </svg>`
}

function arrow({ W }: Toy, feature: number): VNode {
  const [x, y] = [UNIT * W[2 * feature], -UNIT * W[2 * feature + 1]]
  const length = Math.sqrt(x * x + y * y)
  const name = `arrow-${feature + 1}`
  if (length < SHORT) return html`<g class=${name}><circle r="3" cx=${x.toFixed(1)} cy=${y.toFixed(1)} /></g>`
  /** The point this far along the arrow from the middle, and this far to the side. */
  const at = (along: number, aside: number): [string, string] => [
    ((x * along - y * aside) / length).toFixed(1),
    ((y * along + x * aside) / length).toFixed(1),
  ]
  const [lineX, lineY] = at(length - 8, 0)
  const [nameX, nameY] = at(length + 14, 0)
  const head = [at(length, 0), at(length - 14, 5.5), at(length - 14, -5.5)]
  return html`<g class=${name}>
    <line x2=${lineX} y2=${lineY} />
    <polygon points=${head.join(' ')} />
    <text x=${nameX} y=${nameY}>${feature + 1}</text>
  </g>`
}

/** Wᵀ W: the benefit on the diagonal, the interference beside it. */
export function readsTable({ reads }: Arrows): VNode {
  return html`<div class="reads">
    ${dataTable({
      caption: 'What each feature’s reader (row) reads when a feature (column) is present',
      columns: ['Reader', ...features.map((i) => `${i + 1}`)],
      rows: features.map((i) => ({
        head: html`<b class="arrow-${i + 1}">${i + 1}</b>`,
        cells: reads[i].map((value) => ({
          content: showSigned(value, 2),
          level: Math.abs(value) < FAINTEST ? 0 : levelOf(value, DARKEST),
        })),
      })),
    })}
    ${colourScale('0', `+${DARKEST}`, `−${DARKEST}`)}
  </div>`
}
