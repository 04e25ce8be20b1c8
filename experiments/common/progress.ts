import cliProgress from 'cli-progress'
import { onEarlyExit } from './cleanup.ts'

/** How far a long job is. `using progress = createProgress(...)` stops it on every way out of the block. */
export interface Progress extends Disposable {
  /** `done` of `total` units are done. */
  update(done: number): void
  /** One more unit is done. */
  step(): void
  /** Takes the bar away. Calling it twice does no harm. */
  stop(): void
}

export interface ProgressOptions {
  readonly label: string
  readonly total: number
  /** What is counted, in the plural: `texts`. */
  readonly unit: string
  /** Prints nothing at all. */
  readonly quiet?: boolean
  /** Where it is shown; standard error unless a test says otherwise. Never standard output, which is for results. */
  readonly out?: NodeJS.WriteStream
  /** Milliseconds between the lines that a log gets where there is no terminal. */
  readonly lineEvery?: number
}

/** A bar with percent and time left on a terminal; elsewhere a plain line at most every 5 s. */
export function createProgress(options: ProgressOptions): Progress {
  const out = options.out ?? process.stderr
  const show = options.quiet ? silent : out.isTTY ? terminalBar(options, out) : logLines(options, out)
  let done = 0
  const takeBack = onEarlyExit(show.stop)
  const stop = () => {
    takeBack()
    show.stop()
  }
  const update = (count: number) => {
    done = count
    show.update(count)
  }
  return { update, step: () => update(done + 1), stop, [Symbol.dispose]: stop }
}

interface Display {
  readonly update: (done: number) => void
  readonly stop: () => void
}

const silent: Display = { update() {}, stop() {} }

function terminalBar({ label, total, unit }: ProgressOptions, out: NodeJS.WriteStream): Display {
  const bar = new cliProgress.SingleBar({
    stream: out,
    format: `${label} {bar} {percentage} % | {value}/{total} ${unit} | {eta_formatted} left`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    // runMain handles signals; the bar's own handler would exit 0.
    gracefulExit: false,
  })
  bar.start(total, 0)
  return { update: (done) => bar.update(done), stop: () => bar.stop() }
}

function logLines(options: ProgressOptions, out: NodeJS.WriteStream): Display {
  const start = performance.now()
  const every = options.lineEvery ?? 5000
  let last = start
  const update = (done: number) => {
    const now = performance.now()
    if (now - last < every) return
    last = now
    out.write(progressLine(options, done, now - start) + '\n')
  }
  return { update, stop() {} }
}

/** `encoding: 12/40 texts (30 %), 14 s left`; the time left assumes that the rest goes as fast as the start. */
export function progressLine(
  { label, total, unit }: Pick<ProgressOptions, 'label' | 'total' | 'unit'>,
  done: number,
  elapsedMs: number,
): string {
  const percent = total > 0 ? Math.floor((100 * done) / total) : 100
  const left =
    done > 0 ? `${Math.ceil(((elapsedMs / done) * Math.max(0, total - done)) / 1000)} s left` : 'starting'
  return `${label}: ${done}/${total} ${unit} (${percent} %), ${left}`
}
