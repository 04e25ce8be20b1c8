// An answer that is not the file, in words.
import { UserError } from '../../cli/user-error.ts'
import type { Address, Reply } from './request.ts'
import { TransientError } from './retry.ts'

/** What the hub calls that which is not there, in words. */
const MISSING: Readonly<Record<string, string | undefined>> = {
  RepoNotFound: 'repository',
  RevisionNotFound: 'revision',
}

/** What an answer that is not the file says, and what to do about it. */
export function statusError(
  { status, headers, host }: Pick<Reply, 'status' | 'headers' | 'host'>,
  { label, token, setting }: Address,
): UserError {
  const answer = `${label}: expected the file, got status ${status} from ${host}`
  if (status === 401)
    return new UserError(
      token
        ? `${answer}: it does not accept the token in HF_TOKEN: make a new one, or unset HF_TOKEN, as these files are public`
        : `${answer}: it requires a token: set HF_TOKEN to one of your account's (the hub also says so where nothing has this name)`,
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
    const fault = status === 429 ? 'too many requests' : 'an error inside the server'
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
