// How numbers look on a page, and which of the eight steps of the colour scale they take.

/**
 * Three significant digits, a real minus sign, `–` where there is no number: `143.7` becomes `144`, `0.0000123`
 * becomes `1.23e−5`.
 */
export function showNumber(value: number | null): string {
  if (value === null || Number.isNaN(value)) return '–'
  const size = Math.abs(value)
  const whole = Number.isInteger(value) || size >= 100
  const shown = whole ? value.toFixed(0) : size < 1e-4 ? value.toExponential(2) : value.toPrecision(3)
  return shown.replaceAll('-', '−')
}

/** A correlation: two digits after the point. */
export function showCorrelation(value: number | null): string {
  return value === null ? '–' : value.toFixed(2).replace('-', '−')
}

/** `+0.42`, `−0.10`: so many digits after the point; what rounds to 0 has no sign. */
export function showSigned(value: number, digits: number): string {
  const shown = Math.abs(value).toFixed(digits)
  return Number(shown) === 0 ? shown : `${value < 0 ? '−' : '+'}${shown}`
}

/** A share of 1 in percent, three significant digits: `3.10 %`; 100 % is all and 0 % none, never nearly so. */
export function showShare(share: number): string {
  const percent = 100 * share
  if (percent > 0 && percent < 1e-4) return '< 0.0001 %'
  if (percent > 0 && percent < 1) return `${percent.toFixed(2 - Math.floor(Math.log10(percent)))} %`
  const shown = showNumber(percent)
  return percent < 100 && Number(shown) === 100 ? '> 99.9 %' : `${shown} %`
}

/** `1 text`, `2 texts`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

/** The step of `value` on a scale from 0 to `max`: 0 for zero, 1..8 above, -8..-1 below. */
export function levelOf(value: number | null, max: number): number {
  if (value === null || !(max > 0)) return 0
  const steps = Math.min(8, Math.ceil((Math.abs(value) / max) * 8))
  return value < 0 ? -steps : steps
}

/** The colour of a step, as theme.css defines it. */
export function levelColour(level: number): string {
  return `var(--${level < 0 ? 'cool' : 'heat'}-${Math.abs(level)})`
}

/** A label that fits a chart: at most `length` characters, the last one an ellipsis where it was cut. */
export function shorten(label: string, length: number): string {
  const characters = Array.from(label)
  return characters.length <= length ? label : `${characters.slice(0, length - 1).join('')}…`
}

/** To the minute, the same in every time zone: `2026-01-02 03:04 UTC`. date: ISO 8601 */
export function showDate(date: string): string {
  return `${date.slice(0, 16).replace('T', ' ')} UTC`
}
