// The bundled model, or a person's own: a folder that is dropped on the page or chosen.
import { html } from '../../lab/report/html.ts'
import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { showBytes } from '../../lab/cli/show-bytes.ts'
import type { MemoryLimit } from '../../lab/models/fits.ts'
import type { FoundModel } from '../folder/examine.ts'
import type { ModelFolder } from '../folder/model-folder.ts'
import { BACKENDS } from './backends.ts'
import { chosenFolder, droppedFolder, holdsFiles } from './dropped-folder.ts'
import { memo } from './memo.ts'
import type { Dispatch } from './state.ts'

interface Props {
  readonly backend: string
  /** The one in use; null: the bundled model. */
  readonly folder: ModelFolder | null
  readonly dispatch: Dispatch
}

/** A folder before it is loaded: what was found in it, or why it cannot be. */
interface Offer {
  readonly folder: ModelFolder
  readonly found?: FoundModel
  readonly problem?: string
}

/** Says what a folder holds, and what memory it takes, before anything large is read; nothing is sent anywhere. */
export const ModelChoice = memo(({ backend, folder, dispatch }: Props): VNode => {
  const [offer, setOffer] = useState<Offer | null>(null)
  const examine = (folder: ModelFolder): void => void offerOf(folder, backend).then(setOffer)
  const over = useDrop(examine, [backend])
  const use = (folder: ModelFolder | null): void => {
    setOffer(null)
    dispatch({ type: 'model', folder })
  }
  const choose = ({ target }: Event): void => {
    const input = target as HTMLInputElement
    if (input.files && input.files.length > 0) examine(chosenFolder(input.files))
    input.value = '' // so that the same folder can be chosen again
  }
  return html`<div class="own-model" data-over=${over}>
    <label for="folder">Another GPT-2 of yours: drop its folder here, or</label>
    <input id="folder" type="file" webkitdirectory multiple onChange=${choose} />
    ${offer !== null && offered(offer, use, () => setOffer(null))}
    ${
      folder !== null &&
      html`<p><button type="button" onClick=${() => use(null)}>Back to the bundled model</button></p>`
    }
  </div>`
})

async function offerOf(folder: ModelFolder, backend: string): Promise<Offer> {
  try {
    // Parsers that few visitors need, so not every page loads them.
    const { examineFolder } = await import('../folder/examine.ts')
    const { checkFits } = await import('../../lab/models/fits.ts')
    const found = await examineFolder(folder)
    const saes = found.saes.size > 0 ? ` with ${found.saes.size} SAEs` : ''
    checkFits(`${found.name}${saes}`, found.bytes, memoryFor(backend))
    return { folder, found }
  } catch (error) {
    return { folder, problem: (error as Error).message }
  }
}

/** The most that the backend takes, or the device's memory as the browser reports it: rounded, and never more than 8 GB. */
function memoryFor(backend: string): MemoryLimit {
  const { mostBytes = Infinity } = BACKENDS.find(({ name }) => name === backend) ?? {}
  const { deviceMemory = 8 } = navigator as Navigator & { deviceMemory?: number }
  const device = deviceMemory < 8 ? deviceMemory * 2 ** 30 : Infinity
  return device < mostBytes
    ? { bytes: device, whose: 'the memory of this device', advice: 'leave some SAEs out of the folder' }
    : {
        bytes: mostBytes,
        whose: `the memory of the ${backend} backend`,
        advice: 'leave some SAEs out of the folder, or let something else compute',
      }
}

function offered(
  { folder, found, problem }: Offer,
  use: (folder: ModelFolder) => void,
  close: () => void,
): VNode {
  if (found === undefined)
    return html`<div class="notice" role="alert">
      <p>${problem}</p>
      <p class="ways"><button type="button" onClick=${close}>Keep the present model</button></p>
    </div>`
  const { name, config, saes, bytes, notes } = found
  const layers = [...saes.keys()]
  return html`<div class="notice" role="status">
    <p>
      ${name}: ${config.nLayers} layers, ${config.dModel} wide, ${config.dVocab} tokens;
      ${layers.length === 0 ? ' no SAEs' : ` SAEs at ${layers.length === 1 ? 'layer' : 'layers'} ${layers.join(', ')}`}.
      It takes about ${showBytes(bytes)} of memory. It is read on this page alone; nothing is sent anywhere.
    </p>
    ${notes.map((note) => html`<p>${note}</p>`)}
    <p class="ways">
      <button type="button" onClick=${() => use(folder)}>Use this model</button>
      <button type="button" onClick=${close}>Leave it</button>
    </p>
  </div>`
}

/** Takes folders that are dropped anywhere on the page. -> whether one hovers over it */
function useDrop(take: (folder: ModelFolder) => void, inputs: readonly unknown[]): boolean {
  const [over, setOver] = useState(false)
  useEffect(() => {
    const drag = (event: DragEvent): void => {
      if (!holdsFiles(event)) return
      event.preventDefault() // else the browser would replace the page with what is dropped
      setOver(event.type === 'dragover')
    }
    const drop = (event: DragEvent): void => {
      drag(event)
      if (holdsFiles(event)) void droppedFolder(event).then(take)
    }
    addEventListener('dragover', drag)
    addEventListener('dragleave', drag)
    addEventListener('drop', drop)
    return () => {
      removeEventListener('dragover', drag)
      removeEventListener('dragleave', drag)
      removeEventListener('drop', drop)
    }
  }, inputs)
  return over
}
