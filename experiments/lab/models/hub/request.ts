// One request over HTTP, its redirects followed, given up when the server falls silent.
import { UserError } from '../../cli/user-error.ts'
import { TransientError } from './errors.ts'
import { isLoopback, isSecure, type Patience } from './settings.ts'

export interface Ask {
  readonly method: 'GET' | 'HEAD'
  /** What error messages call the file. */
  readonly label: string
  readonly headers?: Readonly<Record<string, string>>
  /** For the host of the first address; hosts that it redirects to do not see it. */
  readonly token?: string
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
export async function ask(url: string, options: Ask): Promise<Reply> {
  const first = new URL(url)
  const line = new Line(options.label, options.patience)
  try {
    for (let at = first, hop = 0; ; hop++) {
      const response = await line.wait('answer', at.host, send(at, first, line.signal, options))
      const done = !REDIRECTS.includes(response.status) || (options.enough?.(response.headers) ?? false)
      if (done) return replyOf(response, at.host, line, options)
      await response.body?.cancel()
      at = nextAddress(at, response.headers.get('Location'), first, options.label)
      if (hop === MOST_REDIRECTS)
        throw new UserError(`${options.label}: more than ${MOST_REDIRECTS} redirects, the last to ${at.host}`)
    }
  } catch (error) {
    line.hangUp()
    throw error
  }
}

async function send(
  at: URL,
  first: URL,
  signal: AbortSignal,
  { method, token, headers }: Ask,
): Promise<Response> {
  // Sizes and ranges are those of the file itself, not of a compressed one.
  const sent = new Headers({ 'User-Agent': 'clearbox', 'Accept-Encoding': 'identity', ...headers })
  if (token && at.origin === first.origin) sent.set('Authorization', `Bearer ${token}`)
  return fetch(at, { method, headers: sent, redirect: 'manual', signal })
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

function replyOf(response: Response, host: string, line: Line, { label, patience }: Ask): Reply {
  return {
    status: response.status,
    headers: response.headers,
    host,
    async *body() {
      const reader = response.body?.getReader()
      let [bytes, waitedMs] = [0, 0]
      while (reader) {
        const started = performance.now()
        const { done, value } = await line.wait('bytes', host, reader.read())
        if (done) return
        bytes += value.length
        waitedMs += performance.now() - started
        if (waitedMs >= patience.rateMs) {
          const rate = Math.floor(bytes / (waitedMs / 1000))
          if (rate < patience.slowestRate)
            throw new TransientError(
              `${label}: ${rate} bytes/s from ${host}, expected at least ${patience.slowestRate}`,
            )
          ;[bytes, waitedMs] = [0, 0]
        }
        yield value
      }
    },
    [Symbol.dispose]: () => line.hangUp(),
  }
}

/** A connection that is given up when it stays silent while one waits. */
class Line {
  readonly #label: string
  readonly #patience: Patience
  readonly #controller = new AbortController()

  constructor(label: string, patience: Patience) {
    this.#label = label
    this.#patience = patience
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  hangUp(): void {
    this.#controller.abort()
  }

  /** What comes from the other end. @throws TransientError if it does not come in time, or the connection breaks */
  async wait<T>(what: string, host: string, coming: Promise<T>): Promise<T> {
    let late = false
    const timer = setTimeout(() => {
      late = true
      this.hangUp()
    }, this.#patience.silenceMs)
    try {
      return await coming
    } catch (error) {
      if (late)
        throw new TransientError(
          `${this.#label}: no ${what} from ${host} within ${this.#patience.silenceMs / 1000} s`,
        )
      const { message, cause } = error as Error
      const reason =
        cause instanceof Error ? cause.message || String((cause as NodeJS.ErrnoException).code) : message
      throw new TransientError(
        `${this.#label}: the connection to ${host} broke: ${reason}: is this machine online?`,
      )
    } finally {
      clearTimeout(timer)
    }
  }
}
