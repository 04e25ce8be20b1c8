/** What must be undone if the process ends early: temporary files to remove, a cursor to show again. */
const pending = new Set<() => void>()

/**
 * Runs `undo` when the process exits, by `process.exit` or an error, unless it is taken back before.
 * Only synchronous work counts: an exiting process waits for nothing. Signals reach it through `runMain`.
 * @returns takes `undo` back
 */
export function onEarlyExit(undo: () => void): () => void {
  if (pending.size === 0) process.on('exit', undoAll)
  pending.add(undo)
  return () => {
    pending.delete(undo)
    if (pending.size === 0) process.off('exit', undoAll)
  }
}

function undoAll(): void {
  for (const undo of pending) undo()
  pending.clear()
}

/** What a signal waits for before it ends the process: a shard to give back, say. */
const farewells = new Set<() => Promise<unknown>>()

/** Has a signal that is about to end the process wait for `work`, but not for long; until the block of `using` is left. */
export function onSignal(work: () => Promise<unknown>): Disposable {
  farewells.add(work)
  return { [Symbol.dispose]: () => void farewells.delete(work) }
}

/** Resolves when all of `onSignal` is done or has failed, or has taken too long. */
export async function sayFarewell(): Promise<void> {
  if (farewells.size === 0) return
  const works = Array.from(farewells, (work) => work())
  farewells.clear()
  await Promise.race([Promise.allSettled(works), new Promise((late) => setTimeout(late, FAREWELL_MS))])
}

const FAREWELL_MS = 5000
