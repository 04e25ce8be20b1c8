// How far along a command is and how long it will still take, on standard error.
import cliProgress from 'cli-progress'
import { onEarlyExit } from './cleanup.ts'
import { print, visibleLine } from './print.ts'
import { showBytes } from './show-bytes.ts'

export { showBytes }

/** How far along a long job is. `using progress = createProgress(...)` stops it on every way out of the block. */
export interface Progress extends Disposable {
  /** `done` of `total` units are done; `detail` says what is being worked on, such as one of many files. */
  update(done: number, detail?: string): void
  /** One more unit is done. */
  step(): void
  /** `count` of the units were done before: they count as done, but not towards the rate and the time left. */
  skip(count: number): void
  /** Takes the bar away. Calling it twice does no harm. */
  stop(): void
}

export interface ProgressOptions {
  readonly label: string
  readonly total: number
  /** What is counted, in the plural: `texts`. `bytes` are shown in MB, with their rate. */
  readonly unit: string
  /** Prints nothing at all. */
  readonly quiet?: boolean
  /** Where it is shown; standard error unless a test says otherwise. Never standard output, which is for results. */
  readonly out?: NodeJS.WriteStream
  /** Milliseconds between the lines that a log gets where there is no terminal. */
  readonly lineEvery?: number
}

/** Where a job stands. `skipped` of the `done` units took none of the time. */
interface Standing {
  readonly done: number
  readonly skipped?: number
  readonly elapsedMs: number
  readonly detail?: string
}

/** A bar with percent and time left on a terminal; elsewhere a plain line at most every 10 s and every tenth. */
export function createProgress(options: ProgressOptions): Progress {
  const out = options.out ?? process.stderr
  const show = options.quiet ? silent : out.isTTY ? terminalBar(options, out) : logLines(options, out)
  const start = performance.now()
  let done = 0
  let skipped = 0
  const takeBack = onEarlyExit(show.stop)
  const stop = () => {
    takeBack()
    show.stop()
  }
  const update = (count: number, detail?: string) => {
    done = count
    show.update({ done, skipped, detail, elapsedMs: performance.now() - start })
  }
  const skip = (count: number) => void (skipped += count)
  return { update, step: () => update(done + 1), skip, stop, [Symbol.dispose]: stop }
}

interface Display {
  readonly update: (standing: Standing) => void
  readonly stop: () => void
}

const silent: Display = { update() {}, stop() {} }

function terminalBar(options: ProgressOptions, out: NodeJS.WriteStream): Display {
  const { total } = options
  const label = visibleLine(options.label)
  const bar = new cliProgress.SingleBar({
    stream: out,
    format: `${label} {bar} {percentage} % | {amount}{rate} | {left} {detail}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    // runMain handles signals; the bar's own handler would exit 0.
    gracefulExit: false,
  })
  const words = (standing: Standing) => inWords(options, standing)
  bar.start(total, 0, words({ done: 0, elapsedMs: 0 }))
  return { update: (standing) => bar.update(standing.done, words(standing)), stop: () => bar.stop() }
}

function logLines(options: ProgressOptions, out: NodeJS.WriteStream): Display {
  const every = options.lineEvery ?? 10_000
  let last = 0
  let tenths = 0
  const update = (standing: Standing) => {
    const reached = Math.floor((10 * standing.done) / options.total)
    if (standing.elapsedMs - last < every || reached === tenths) return
    tenths = reached
    last = standing.elapsedMs
    print(progressLine(options, standing), out)
  }
  return { update, stop() {} }
}

/** `encoding: 12/40 texts (30 %), 14 s left` */
export function progressLine(
  options: Pick<ProgressOptions, 'label' | 'total' | 'unit'>,
  standing: Standing,
): string {
  const percent = options.total > 0 ? Math.floor((100 * standing.done) / options.total) : 100
  const { amount, rate, left, detail } = inWords(options, standing)
  return `${options.label}: ${amount} (${percent} %)${rate}, ${left}${detail && `; ${detail}`}`
}

/** The parts of a line. The time left assumes that the rest will go as fast as the work so far. */
function inWords(
  { total, unit }: Pick<ProgressOptions, 'total' | 'unit'>,
  { done, skipped = 0, elapsedMs, ...standing }: Standing,
) {
  const detail = visibleLine(standing.detail ?? '')
  const perMs = (done - skipped) / elapsedMs
  const rising = perMs > 0 && Number.isFinite(perMs)
  const left = rising ? `${Math.ceil(Math.max(0, total - done) / perMs / 1000)} s left` : 'starting'
  if (unit !== 'bytes') return { amount: `${done}/${total} ${unit}`, rate: '', left, detail }
  const rate = rising ? `, ${showBytes(perMs * 1000)}/s` : ''
  return { amount: `${showBytes(done)} of ${showBytes(total)}`, rate, left, detail }
}
