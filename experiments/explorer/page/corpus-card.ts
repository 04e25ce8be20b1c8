// What the corpus says about a feature, on its card and on the card as a page of its own.
import { html } from '../../lab/report/html.ts'
import type { VNode } from 'preact'
import { corpusSentence, drawnFirings, partnersPart, strongestFirings } from '../../lab/report/corpus-part.ts'
import { showNumber } from '../../lab/report/numbers.ts'
import { shownInCorpus, type CorpusCard } from '../corpus-shape.ts'
import type { InCorpus } from '../protocol.ts'

/** How many of its strongest firings are shown. */
const FIRINGS = 5

/** @param name shows the number of another feature of its layer */
export function corpusFirings({ facts, card }: InCorpus, name: (feature: number) => VNode): VNode {
  const shown = shownInCorpus(card, facts)
  return html`<div class="in-corpus">
    ${partnersPart(shown, name)} ${strongestFirings(shown, FIRINGS)} ${drawnFirings(shown)}
  </div>`
}

/** How often it fires how strongly. */
export function corpusSummary({ facts, card }: InCorpus): VNode {
  return html`<div>
    <p>${corpusSentence(shownInCorpus(card, facts))}</p>
    ${bars(card.histogram)}
  </div>`
}

/** The same without the chart library, which is larger than all the rest of a card as a page of its own. */
function bars({ edges, counts }: CorpusCard['histogram']): VNode | null {
  if (counts.length === 0) return null
  const most = Math.max(...counts)
  const [from, to] = [showNumber(edges[0]), showNumber(edges[edges.length - 1])]
  return html`<figure class="octaves">
    <svg
      viewBox="0 0 ${counts.length} 100"
      preserveAspectRatio="none"
      role="img"
      aria-label="Firings by activation, from ${from} to ${to}: at most ${most} in a bar"
    >
      ${counts.map((number, i) => {
        const height = (100 * number) / most
        return html`<rect x=${i + 0.05} y=${100 - height} width="0.9" height=${height} />`
      })}
    </svg>
    <figcaption class="note">
      <span>${from}</span> <span>firings by activation, two bars an octave</span> <span>${to}</span>
    </figcaption>
  </figure>`
}
