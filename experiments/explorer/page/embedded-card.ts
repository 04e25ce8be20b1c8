// The page as only a feature's card, for a frame in another page: index.html?card=3.928. It needs no model.
import { html } from '../../lab/report/html.ts'
import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { lensPart } from '../../lab/report/lens-part.ts'
import { namedFeature, tokenLegend } from '../../lab/report/tokens.ts'
import { parseSaeConfig } from '../../../sae/config.ts'
import type { FeatureRef } from '../../lab/models/changes.ts'
import type { Failure, InCorpus } from '../protocol.ts'
import { failureOf, Fault } from '../worker/fault.ts'
import type { ModelFiles } from '../worker/files.ts'
import { cardInCorpus, keptFiles } from '../worker/kept-files.ts'
import { corpusFirings, corpusSummary } from './corpus-card.ts'
import { encodeLink, START } from './link.ts'

type Shown = { readonly ref: FeatureRef; readonly inCorpus: InCorpus } | { readonly failure: Failure } | null

/** @param wanted as the address has it */
export function EmbeddedCard({
  root,
  wanted,
  files,
}: {
  root: HTMLElement
  wanted: string
  files: ModelFiles
}): VNode {
  const [shown, setShown] = useState<Shown>(null)
  useEffect(() => {
    const say = (found: Shown): void => {
      setShown(found)
      root.dataset.state = found && 'failure' in found ? 'failed' : 'ready'
    }
    read(wanted, files).then(say, (error: unknown) => say({ failure: failureOf(error) }))
  }, [])
  if (shown === null) return html`<p role="status">Fetching the card …</p>`
  if ('failure' in shown)
    return html`<div class="panel">
      <p class="notice" role="alert">${`${shown.failure.message} ${shown.failure.advice}`}</p>
      ${wayOut(null)}
    </div>`
  const { ref, inCorpus } = shown
  const { card } = inCorpus
  const other = (feature: number): VNode =>
    html`<a href="?card=${ref.layer}.${feature}">${String(feature)}</a>`
  return html`<article class="panel" aria-labelledby="card">
    <h1 id="card">Layer ${ref.layer}, feature ${namedFeature(ref.feature, card.row.token)}</h1>
    ${corpusSummary(inCorpus)} ${lensPart(card)} ${corpusFirings(inCorpus, other)}
    <details>
      <summary>How to read the card</summary>
      ${tokenLegend()}
    </details>
    ${wayOut(ref)}
  </article>`
}

/** The card's address in the Explorer; null for the Explorer as it starts. */
function wayOut(feature: FeatureRef | null): VNode {
  const link = feature === null ? './' : `./#${encodeLink({ ...START, feature })}`
  return html`<p class="note">
    <a href=${link} target="_blank">${feature === null ? 'The Explorer' : 'This feature in the Explorer'}</a>:
    type a text, and see what the model does with it.
  </p>`
}

/** @throws Fault if there is no such card, saying which there are; and if a file is missing or damaged */
async function read(wanted: string, { corpus, saes }: ModelFiles): Promise<Shown> {
  const layers = `There are layers 0 to ${saes.length - 1}.`
  const [, layer, feature] = /^(\d{1,6})\.(\d{1,6})$/.exec(wanted)?.map(Number) ?? []
  if (feature === undefined)
    throw new Fault(
      'card',
      'The address does not say which card.',
      `Write it as ?card=3.928: layer, feature. ${layers}`,
    )
  if (layer >= saes.length) throw new Fault('card', `There is no layer ${layer}.`, layers)
  const { dSae } = parseSaeConfig(saes[layer].config)
  if (feature >= dSae)
    throw new Fault('card', `Layer ${layer} has no feature ${feature}.`, `It has features 0 to ${dSae - 1}.`)
  if (corpus === undefined)
    throw new Fault('card', 'This page was built without a corpus.', 'Build it again.')
  const ref = { layer, feature }
  const card = await cardInCorpus(corpus, ref, keptFiles(new URL('.', location.href).href))
  return { ref, inCorpus: { facts: corpus.facts, card } }
}
