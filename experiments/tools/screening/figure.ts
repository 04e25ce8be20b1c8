/** A feature of one token: what it is before ReLU, and the most it can be by int8 values. */
export interface BoundedFeature {
  readonly preActivation: number
  readonly limit: number
}

const [WIDTH, HEIGHT] = [640, 440]
const PLOT = { left: 64, right: WIDTH - 16, top: 16, bottom: HEIGHT - 56 } as const

/** What is shown: pre-activations near zero, where the bound decides. */
const [LOW, HIGH] = [-2, 2]

/** Upper limits over pre-activations, as an SVG: no point lies below the diagonal, and none below zero is computed. */
export function drawBounds(all: readonly BoundedFeature[]): string {
  const isShown = (value: number) => value >= LOW && value <= HIGH
  const features = all.filter(({ preActivation, limit }) => isShown(preActivation) && isShown(limit))
  const scale = (from: number, to: number) => (value: number) =>
    from + ((value - LOW) / (HIGH - LOW)) * (to - from)
  const x = scale(PLOT.left, PLOT.right)
  const y = scale(PLOT.bottom, PLOT.top)
  const at = (value: number) => value.toFixed(1)
  const points = features
    .map(
      ({ preActivation, limit }) =>
        `<circle cx="${at(x(preActivation))}" cy="${at(y(limit))}" r="2.2" fill="#1f5fa8"/>`,
    )
    .join('\n')
  const text = (px: number, py: number, content: string, anchor = 'middle') =>
    `<text x="${at(px)}" y="${at(py)}" text-anchor="${anchor}">${content}</text>`
  const ticks = Array.from({ length: HIGH - LOW + 1 }, (_, i) => LOW + i)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" font-family="sans-serif" font-size="12">
<title>Upper limits of an SAE's pre-activations by exact screening</title>
<desc>For ${features.length} of one token's ${all.length} features, those near zero: its pre-activation across, and upwards the most it can be by int8 values. All points lie on or above the diagonal; those below zero are never computed in float32.</desc>
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
<rect x="${PLOT.left}" y="${at(y(0))}" width="${PLOT.right - PLOT.left}" height="${at(PLOT.bottom - y(0))}" fill="#eee"/>
<path d="M${at(x(LOW))} ${at(y(LOW))}L${at(x(HIGH))} ${at(y(HIGH))}" stroke="#999" stroke-dasharray="4 4"/>
<path d="M${at(x(0))} ${PLOT.top}V${PLOT.bottom}M${PLOT.left} ${at(y(0))}H${PLOT.right}" stroke="#666"/>
${ticks.map((tick) => text(x(tick), PLOT.bottom + 16, String(tick)) + text(PLOT.left - 8, y(tick) + 4, String(tick), 'end')).join('\n')}
${text((PLOT.left + PLOT.right) / 2, HEIGHT - 12, 'pre-activation, x · w + b')}
<text transform="translate(18 ${(PLOT.top + PLOT.bottom) / 2}) rotate(-90)" text-anchor="middle">computed + bound: the most it can be</text>
${text(PLOT.right - 8, PLOT.bottom - 10, 'at most 0: ReLU makes it 0, never computed', 'end')}
${points}
</svg>
`
}
