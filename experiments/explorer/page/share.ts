// For taking along: a link to all that is shown, and its numbers as a file.
import { html } from '../../lab/report/html.ts'
import { h, type VNode } from 'preact'
import { useState } from 'preact/hooks'
import { exportRun } from './export.ts'
import { Fold } from './fold.ts'
import { encodeLink, type Link } from './link.ts'
import { Offline } from './offline.ts'
import type { ShownRun } from './text-run.ts'

export function Share({ run, link }: { run: ShownRun; link: Link }): VNode {
  const [said, setSaid] = useState<'' | 'copied' | 'by hand'>('')
  const address = `${location.href.split('#')[0]}#${encodeLink(link)}`
  const copy = (): void => {
    // Absent where the page was not served securely; refused where the reader forbids it.
    const copied = navigator.clipboard?.writeText(address) ?? Promise.reject(new Error('no clipboard'))
    copied.then(
      () => setSaid('copied'),
      () => setSaid('by hand'),
    )
  }
  return html`<${Fold} id="share" title="How do you take this with you?" open>
    <p>
      The link opens this page with your text and everything that you chose on it. Whoever has the link can
      read the
      text.${run.opened.bundled ? '' : ' It opens with the bundled model; your own model is not sent.'} The
      file holds all numbers of this text, including those not shown.
    </p>
    <p class="examples">
      <button type="button" onClick=${copy}>Copy link</button>
      <button type="button" onClick=${() => download(run)}>Download as JSON</button>
    </p>
    <p role="status">${said === 'copied' ? 'The link is copied.' : ''}</p>
    ${
      said === 'by hand' &&
      html`<label class="by-hand">
        The browser does not let this page copy. This is the link:
        <input
          readonly
          value=${address}
          onFocus=${(event: Event) => (event.target as HTMLInputElement).select()}
        />
      </label>`
    }
    ${h(Offline, null)}
    <footer>
      ${run.opened.model}, computed by ${run.opened.backend} (${run.opened.mode}). ${run.opened.basis}
    </footer>
  <//>`
}

function download(run: ShownRun): void {
  const file = new Blob([JSON.stringify(exportRun(run), null, 1)], { type: 'application/json' })
  const address = URL.createObjectURL(file)
  const anchor = document.createElement('a')
  anchor.href = address
  anchor.download = 'clearbox-explorer.json'
  anchor.click()
  // The download keeps the file alive by itself only once it has begun.
  setTimeout(() => URL.revokeObjectURL(address), 10_000)
}
