// The heat colours as numbers, for canvases.
import { useEffect, useState } from 'preact/hooks'

/** The heat colours of steps 0..8 as red, green, blue, 0 to 255: canvases know no CSS variables. */
export type Palette = readonly (readonly [number, number, number])[]

/** The palette of the reader's colour scheme; a new one when the scheme changes. */
export function usePalette(): Palette {
  const [palette, setPalette] = useState(readPalette)
  useEffect(() => {
    const dark = matchMedia('(prefers-color-scheme: dark)')
    const changed = (): void => setPalette(readPalette())
    dark.addEventListener('change', changed)
    return () => dark.removeEventListener('change', changed)
  }, [])
  return palette
}

// light-dark() in a variable is resolved where it is used, so it is used for a moment.
function readPalette(): Palette {
  const probe = document.createElement('i')
  document.body.append(probe)
  const colours = Array.from({ length: 9 }, (_, step) => {
    probe.style.color = `var(--heat-${step})`
    const [red, green, blue] = getComputedStyle(probe).color.match(/\d+/g)?.map(Number) ?? [0, 0, 0]
    return [red, green, blue] as const
  })
  probe.remove()
  return colours
}
