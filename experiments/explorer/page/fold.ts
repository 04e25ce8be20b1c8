// A block of the page under its title; on a phone it can be folded to the title.
import { html } from '../../lab/report/html.ts'
import type { ComponentChildren, VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'

/** As in explorer.css. */
const PHONE = '(max-width: 30rem)'

interface Props {
  /** The id of the title, by which the block is found. */
  readonly id: string
  /** The question that the block answers. */
  readonly title: string
  /** Whether it is open on a phone before anyone has touched it. */
  readonly open?: boolean
  readonly children: ComponentChildren
}

/** What is folded is not drawn at all, so a phone has less to do at each key press. */
export function Fold({ id, title, open = false, children }: Props): VNode {
  const folds = useMedia(PHONE)
  const [opened, setOpened] = useState(open)
  const shown = !folds || opened
  const button = html`<button
    type="button"
    class="fold"
    aria-expanded=${shown}
    onClick=${() => setOpened(!opened)}
  >
    ${title}
  </button>`
  return html`<section aria-labelledby=${id}>
    <h2 id=${id}>${folds ? button : title}</h2>
    ${shown && children}
  </section>`
}

/** Unfolds a block wherever it is folded. */
export function unfold(id: string): void {
  document.getElementById(id)?.querySelector<HTMLElement>('button[aria-expanded="false"]')?.click()
}

/** Whether a media query holds, now and whenever that changes. */
function useMedia(query: string): boolean {
  const [holds, setHolds] = useState(() => typeof matchMedia === 'function' && matchMedia(query).matches)
  useEffect(() => {
    const list = matchMedia(query)
    const changed = (): void => setHolds(list.matches)
    list.addEventListener('change', changed)
    return () => list.removeEventListener('change', changed)
  }, [])
  return holds
}
