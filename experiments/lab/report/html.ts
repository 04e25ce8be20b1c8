// The `html` of every page: htm over Preact, but without the elements that htm would keep.
import htm from 'htm'
import { h, type ComponentChildren, type ComponentType, type VNode } from 'preact'

/**
 * htm keeps an element into which no value goes, and gives the same one at the next call. Preact notes in an element where
 * it was drawn: what is kept holds a whole former page, and each page the one before it. `this[0] = 3` is htm's own
 * switch: nothing is kept (htm's README, "Caching").
 */
function element(
  this: number[],
  type: string | ComponentType,
  props: Record<string, unknown> | null,
  ...children: ComponentChildren[]
): VNode {
  this[0] = 3
  return h(type as string, props, ...children)
}

// Its types describe the CommonJS build, in which this function is the module's `default`.
const bindable = htm as unknown as typeof htm.default

export const html = bindable.bind(element) as (strings: TemplateStringsArray, ...values: unknown[]) => VNode
