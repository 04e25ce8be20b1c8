// Starts the page.
import { h, render } from 'preact'
import { files, sources } from '../constants.ts'

const root = document.getElementById('explorer')
if (root === null) throw new Error('index.html has no element "explorer"')
const wanted = new URLSearchParams(location.search).get('card')
if (wanted === null) {
  const { App } = await import('./app.ts')
  root.replaceChildren()
  render(h(App, { root, sources }), root)
} else {
  // A card in a frame of another page: nothing else of this page is shown, and neither model nor charts are fetched.
  const { EmbeddedCard } = await import('./embedded-card.ts')
  document.documentElement.dataset.view = 'card'
  root.parentElement?.replaceChildren(root)
  root.replaceChildren()
  render(h(EmbeddedCard, { root, wanted, files }), root)
}
