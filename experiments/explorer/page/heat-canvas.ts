// An attention pattern as a picture, one pixel per pair of tokens.
import { html } from '../../lab/report/html.ts'
import type { VNode } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { useInSight } from './in-sight.ts'
import type { Palette } from './palette.ts'

interface Props {
  /** All heads' patterns of a layer. [heads, size, size] */
  readonly attention: Float32Array
  readonly head: number
  readonly size: number
  readonly palette: Palette
}

/** A head's pattern, one pixel per pair of tokens; the style sheet scales it to the right size. */
export function HeatCanvas({ attention, head, size, palette }: Props): VNode {
  const ref = useRef<HTMLCanvasElement>(null)
  const inSight = useInSight(ref)
  useLayoutEffect(() => {
    const canvas = ref.current
    // The browser copies every changed canvas, visible or not: more work per key press than all the rest of the page.
    if (canvas === null || !inSight) return
    if (canvas.width !== size) canvas.width = canvas.height = size
    // Small and redrawn at every key press: in plain memory it is redrawn much faster than on a graphics card.
    const context = canvas.getContext('2d', { willReadFrequently: true })
    context?.putImageData(new ImageData(pixels(attention, head, size, palette), size, size), 0, 0)
  }, [attention, head, size, palette, inSight])
  return html`<canvas ref=${ref} aria-hidden="true"></canvas>`
}

/** A share of attention as a step of the palette, 0 to 8, by its square root: most shares are small, and differ. */
export function attentionStep(share: number): number {
  return Math.round(8 * Math.sqrt(share))
}

/** Red, green, blue and opacity per pair; what lies ahead of a token stays transparent. [size, size, 4] */
export function pixels(attention: Float32Array, head: number, size: number, palette: Palette) {
  const data = new Uint8ClampedArray(size * size * 4)
  for (let query = 0; query < size; query++)
    for (let key = 0; key <= query; key++) {
      const colour = palette[attentionStep(attention[(head * size + query) * size + key])]
      const at = (query * size + key) * 4
      data.set(colour, at)
      data[at + 3] = 255
    }
  return data
}

/** Where a token's row is in a pattern of `size` tokens. */
export function rowStyle(token: number, size: number): string {
  return `top: ${(100 * token) / size}%; height: ${100 / size}%`
}
