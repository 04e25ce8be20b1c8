// Charts as inline SVG.
import * as Plot from '@observablehq/plot'
import { h, type ComponentChild, type VNode } from 'preact'

/** What a screen reader says of a chart: its name, and what there is to see in it. */
export interface About {
  title: string
  description: string
}

/** In units of the drawing; charts are drawn at the size they are shown at. */
const FONT_SIZE = 12

// Plot labels its groups for people who read the markup; inside role="img" nobody hears them.
// Its style sheet and font are replaced by the page's own.
const DROPPED = new Set(['class', 'font-family', 'aria-label', 'aria-hidden', 'aria-description'])

/**
 * What Observable Plot draws, as a tree that the renderer escapes like everything else on the page, named by `about`.
 * @param document to draw in: a browser's, or linkedom's where there is none
 */
export function drawChart(document: Document, options: Plot.PlotOptions, about: About): VNode {
  const chart = Plot.plot({ document, ...options })
  const named = [h('title', null, about.title), h('desc', null, about.description)]
  return h('svg', { ...attributes(chart), 'font-size': FONT_SIZE, role: 'img' }, [
    ...named,
    ...children(chart),
  ])
}

function attributes(element: Element): Record<string, string> {
  const kept = Array.from(element.attributes).filter(({ name }) => !DROPPED.has(name))
  return Object.fromEntries(kept.map(({ name, value }) => [name, value]))
}

function children(element: Element): ComponentChild[] {
  return Array.from(element.childNodes).flatMap((node): ComponentChild[] => {
    if (node.nodeType === 3) return [node.textContent]
    const child = node as Element
    const name = child.tagName
    return node.nodeType !== 1 || name.toLowerCase() === 'style'
      ? []
      : [h(name, attributes(child), children(child))]
  })
}
