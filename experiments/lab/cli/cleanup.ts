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
