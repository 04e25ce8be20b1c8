// Makes the browser keep this version of the page, so that it works without a connection.
import { html } from '../../lab/report/html.ts'
import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'

/** Says whether the page is kept, or why not. It is drawn with the first run: keeping must not slow the start. */
export function Offline(): VNode {
  const [said, setSaid] = useState('')
  useEffect(() => {
    const later = globalThis.requestIdleCallback ?? setTimeout
    later(() => void keepPage().then(setSaid))
  }, [])
  return html`<p id="offline" class="note">${said}</p>`
}

async function keepPage(): Promise<string> {
  const { serviceWorker } = navigator as Partial<Pick<Navigator, 'serviceWorker'>>
  if (serviceWorker === undefined)
    return 'Not kept for reading offline: browsers keep only pages from https or from this machine, and keep none in private windows.'
  try {
    holdVersion()
    const registration = await serviceWorker.register('./service-worker.js')
    const first = registration.installing
    // An existing registration knows of a later version only after it has looked. Without its server it cannot look.
    if (first === null) await registration.update().catch(() => {})
    if ((await settled(first ?? registration.installing)) === 'redundant')
      return 'Not kept for reading offline: one of its files could not be fetched, or belongs to another version.'
    return 'Kept in this browser: the page also works without a connection.'
  } catch (error) {
    return `Not kept for reading offline: ${(error as Error).message}`
  }
}

/** As long as this tab is open, the files of its version stay: offline/service-worker.ts. */
function holdVersion(): void {
  const version = document.querySelector<HTMLMetaElement>('meta[name="version"]')?.content
  const name = `clearbox-explorer ${new URL('.', location.href).href} ${version}`
  void navigator.locks.request(name, { mode: 'shared' }, () => new Promise(() => {}))
}

/** Resolves when the installation of a worker ends; at once if none is under way. */
function settled(worker: ServiceWorker | null): Promise<ServiceWorkerState | undefined> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (worker === null || worker.state === 'activated' || worker.state === 'redundant')
        resolve(worker?.state)
    }
    worker?.addEventListener('statechange', look)
    look()
  })
}
