// One request over HTTP, its redirects followed, given up when the server falls silent.
import { UserError } from '../../cli/user-error.ts'
import { TransientError } from './retry.ts'
import { isLoopback, isSecure, type Patience } from './settings.ts'

/** Where a file is asked for, and what is said of it in messages. */
export interface Address {
  readonly url: string
  /** `openai-community/gpt2: model.safetensors` */
  readonly label: string
  /** For the host of the URL; hosts that it redirects to do not see it. */
  readonly token?: string
  /** The environment variable that names another server. */
  readonly setting: string
}

export interface Ask extends Address {
  readonly method: 'GET' | 'HEAD'
  readonly headers?: Readonly<Record<string, string>>
  readonly patience: Patience
  /** Ends the following of redirects at an answer that says enough. */
  readonly enough?: (headers: Headers) => boolean
}

/** An answer whose body has not been read. Close it on every way out. */
export interface Reply extends Disposable {
  readonly status: number
  readonly headers: Headers
  readonly host: string
  /** The body, piece by piece. @throws TransientError if the connection breaks, or the server is silent or too slow */
  body(): AsyncGenerator<Uint8Array>
}

const MOST_REDIRECTS = 10
const REDIRECTS = [301, 302, 303, 307, 308]

/**
 * Asks for a URL and follows its redirects, each over https (or on this machine, if the first address is there).
 * @throws UserError for a redirect that is not followed; TransientError if no answer comes
 */
export async function ask(options: Ask): Promise<Reply> {
  const first = new URL(options.url)
  const call = { ...options, line: new AbortController() }
  try {
    for (let at = first, hop = 0; ; hop++) {
      const response = await inTime('answer', at.host, call, send(at, first, call))
      const done = !REDIRECTS.includes(response.status) || (call.enough?.(response.headers) ?? false)
      if (done) return replyOf(response, at.host, call)
      await response.body?.cancel()
      at = nextAddress(at, response.headers.get('Location'), first, call.label)
      if (hop === MOST_REDIRECTS)
        throw new UserError(`${call.label}: more than ${MOST_REDIRECTS} redirects, the last to ${at.host}`)
    }
  } catch (error) {
    call.line.abort()
    throw error
  }
}

/** What is asked, and the way to hang up. */
type Call = Ask & { readonly line: AbortController }

async function send(at: URL, first: URL, { method, token, headers, line }: Call): Promise<Response> {
  // Sizes and ranges are those of the file itself, not of a compressed one.
  const sent = new Headers({ 'User-Agent': 'clearbox', 'Accept-Encoding': 'identity', ...headers })
  if (token && at.origin === first.origin) sent.set('Authorization', `Bearer ${token}`)
  return fetch(at, { method, headers: sent, redirect: 'manual', signal: line.signal })
}

/** Where an answer of `at` redirects to, on the way from `first`. @throws UserError unless it may be followed */
export function nextAddress(at: URL, location: string | null, first: URL, label: string): URL {
  if (location === null || !URL.canParse(location, at))
    throw new UserError(`${label}: ${at.host} redirects to no address: got Location '${location ?? ''}'`)
  const next = new URL(location, at)
  if (!isSecure(next) || (isLoopback(next) && !isLoopback(first)))
    throw new UserError(`${label}: ${at.host} redirects to ${next.origin}: only https is followed`)
  return next
}

function replyOf(response: Response, host: string, call: Call): Reply {
  const { label, patience } = call
  return {
    status: response.status,
    headers: response.headers,
    host,
    async *body() {
      const reader = response.body?.getReader()
      const tooSlow = speedometer(patience)
      while (reader) {
        const started = performance.now()
        const { done, value } = await inTime('bytes', host, call, reader.read())
        if (done) return
        const rate = tooSlow(value.length, performance.now() - started)
        if (rate !== undefined)
          throw new TransientError(
            `${label}: ${rate} bytes/s from ${host}, expected at least ${patience.slowestRate}`,
          )
        yield value
      }
    },
    [Symbol.dispose]: () => call.line.abort(),
  }
}

/** Told of bytes and of the milliseconds that they were waited for; gives the rate, in bytes a second, if it is too low. */
export function speedometer({ slowestRate, rateMs }: Pick<Patience, 'slowestRate' | 'rateMs'>) {
  let bytes = 0
  let waitedMs = 0
  return (moreBytes: number, moreMs: number): number | undefined => {
    bytes += moreBytes
    waitedMs += moreMs
    if (waitedMs < rateMs) return undefined
    const rate = Math.floor((1000 * bytes) / waitedMs)
    bytes = 0
    waitedMs = 0
    return rate < slowestRate ? rate : undefined
  }
}

/** Hangs up if what is coming does not come in time. @throws TransientError then, or if the connection breaks */
async function inTime<T>(
  what: string,
  host: string,
  { label, patience: { silenceMs }, line }: Call,
  coming: Promise<T>,
): Promise<T> {
  let late = false
  const timer = setTimeout(() => {
    late = true
    line.abort()
  }, silenceMs)
  try {
    return await coming
  } catch (error) {
    if (late) throw new TransientError(`${label}: no ${what} from ${host} within ${silenceMs / 1000} s`)
    const { message, cause } = error as Error & { cause?: NodeJS.ErrnoException }
    const reason = cause?.message || cause?.code || message
    throw new TransientError(`${label}: the connection to ${host} broke: ${reason}: is this machine online?`)
  } finally {
    clearTimeout(timer)
  }
}
