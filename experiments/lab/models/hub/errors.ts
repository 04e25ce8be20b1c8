// What fails while fetching: what may pass is tried again, what does not is explained.
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
      await pause(error.afterMs ?? backoffMs * 2 ** (failures - 1) * (1 + Math.random() / 4))
    }
  }
}

/** What the hub calls that which is not there, in words. */
const MISSING: Readonly<Record<string, string | undefined>> = {
  RepoNotFound: 'repository',
  RevisionNotFound: 'revision',
}

/** What an answer that is not the file says, and what to do about it. */
export function statusError(
  { status, headers, host }: { status: number; headers: Headers; host: string },
  { label, token, setting }: { label: string; token?: string; setting: string },
): UserError {
  const answer = `${label}: expected the file, got status ${status} from ${host}`
  if (status === 401)
    return new UserError(
      token
        ? `${answer}: it does not accept the token in HF_TOKEN: make a new one, or unset it, as these files are public`
        : `${answer}: it wants a token: set HF_TOKEN to one of your account's (the hub also says so where nothing has this name)`,
    )
  if (status === 403)
    return new UserError(
      `${answer}: access denied: ask for access on the repository's page, and set HF_TOKEN to a token that may read it`,
    )
  if (status === 404) {
    const missing = MISSING[headers.get('X-Error-Code') ?? ''] ?? 'file, at this revision'
    return new UserError(`${answer}: there is no such ${missing}: is ${setting} a complete mirror?`)
  }
  if (status === 408 || status === 429 || status >= 500) {
    const fault = status === 429 ? 'too many requests' : 'the server has a fault of its own'
    return new TransientError(`${answer}: ${fault}`, retryAfter(headers.get('Retry-After')))
  }
  return new UserError(`${answer}: does ${setting} name the right server?`)
}

/** Milliseconds from Retry-After: seconds, or a date (RFC 9110, section 10.2.3). */
export function retryAfter(value: string | null, now = Date.now()): number | undefined {
  if (value === null) return undefined
  if (/^\d+$/.test(value)) return Number(value) * 1000
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
