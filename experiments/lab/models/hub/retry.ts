// What may pass is tried again, as long as it gets further.
import { setTimeout as pause } from 'node:timers/promises'
import { UserError } from '../../cli/user-error.ts'
import type { Patience } from './settings.ts'

/** A fault that may pass: the same request, made again, may succeed. */
export class TransientError extends UserError {
  override name = 'TransientError'
  /** The pause that the server asked for. */
  readonly afterMs: number | undefined

  constructor(message: string, afterMs?: number) {
    super(message)
    this.afterMs = afterMs
  }
}

/** So much beyond the furthest point is progress, and the failures before it no longer count. */
const PROGRESS_BYTES = 2 ** 20

/**
 * Does `work` until it succeeds, fails for good, or fails `patience.tries` times without progress between.
 * @param reached how many bytes there are by now; those that were there before, and were lost since, are no progress
 * @throws UserError
 */
export async function withRetries<T>(
  { tries, backoffMs, longestPauseMs }: Patience,
  work: () => Promise<T>,
  reached = () => 0,
): Promise<T> {
  let furthest = reached()
  for (let failures = 1; ; failures++) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof TransientError)) throw error
      if (reached() >= furthest + PROGRESS_BYTES) {
        furthest = reached()
        failures = 1
      }
      if (failures >= tries)
        throw new UserError(`${error.message} (tried ${tries} times; run the command again to go on)`, {
          cause: error,
        })
      if (error.afterMs !== undefined && error.afterMs > longestPauseMs)
        throw new UserError(
          `${error.message}: it asks to wait ${Math.ceil(error.afterMs / 1000)} s; run the command again then`,
          { cause: error },
        )
      await pause(error.afterMs ?? backoff(failures, backoffMs))
    }
  }
}

/** The pause after so many failures: twice as long each time, and, so that clients do not come back together, up to a quarter longer. */
export function backoff(failures: number, firstMs: number, chance = Math.random()): number {
  return firstMs * 2 ** (failures - 1) * (1 + chance / 4)
}
