// How often, and after what pause, a server is asked again.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { speedometer } from '../../experiments/lab/models/hub/request.ts'
import { backoff, TransientError, withRetries } from '../../experiments/lab/models/hub/retry.ts'
import { retryAfter } from '../../experiments/lab/models/hub/status.ts'
import { patience } from '../helpers/hub.ts'
import { refusal } from '../helpers/refusal.ts'

const MB = 2 ** 20
const retries = suite('retries')

/** Work that fails after it got to each of `points`, and then succeeds. -> what came of it, and how often it was done */
async function work(points: readonly number[], limits: Partial<typeof patience> = {}) {
  let [done, at] = [0, points[0]]
  const outcome = await withRetries(
    { ...patience, ...limits },
    async () => {
      if (done === points.length) return 'done'
      at = points[done++]
      throw new TransientError('cut')
    },
    () => at,
  ).catch((error: Error) => error.message)
  return { outcome, done }
}

retries('end after so many failures in a row', async () => {
  assert.equal(await work([0, 0]), { outcome: 'done', done: 2 })
  const given = { outcome: 'cut (tried 3 times; run the command again to go on)', done: 3 }
  assert.equal(await work([0, 0, 0, 0]), given)
  assert.equal(await work([0, MB - 1, MB - 1, 5 * MB]), given, 'less than a MB is no progress')
})

retries('count anew from a MB beyond the furthest point', async () => {
  assert.equal(await work([0, 0, MB, MB, 2 * MB, 2 * MB, 2 * MB - 1]).then(({ done }) => done), 7)
  assert.equal(await work([0, 0, MB, MB]), { outcome: 'done', done: 4 })
  assert.is((await work([0, 2 * MB, MB, 2 * MB, MB, 2 * MB, MB])).done, 4, 'not from what was lost')
})

retries('are for what may pass alone', async () => {
  let done = 0
  const broken = withRetries(patience, async () => {
    done++
    throw new Error('broken')
  })
  assert.is(await broken.catch((error: Error) => error.message), 'broken')
  assert.is(done, 1)
})

retries('pause as the server asks, or ever longer; but not for too long', async () => {
  assert.equal(
    [1, 2, 3, 4].map((failures) => backoff(failures, 1000, 0)),
    [1000, 2000, 4000, 8000],
  )
  assert.equal([backoff(1, 1000, 1), backoff(3, 1000, 0.5)], [1250, 4500])
  assert.ok(backoff(1, 1000) >= 1000 && backoff(1, 1000) <= 1250)
  const elapsed = async (afterMs?: number) => {
    const started = performance.now()
    let done = false
    await withRetries({ ...patience, backoffMs: 60 }, async () => {
      if (done) return
      done = true
      throw new TransientError('busy', afterMs)
    })
    return performance.now() - started
  }
  assert.ok((await elapsed()) > 55, 'a timer may be early by a ms')
  assert.ok((await elapsed(120)) > 115)
  const asks = (afterMs: number) =>
    withRetries({ ...patience, tries: 2, longestPauseMs: 20 }, async () => {
      throw new TransientError('busy', afterMs)
    })
  assert.is(await refusal(asks(21)), 'busy: it asks to wait 1 s; run the command again then')
  assert.is(await refusal(asks(20)), 'busy (tried 2 times; run the command again to go on)')
})

retries('are made where bytes come too slowly, over the time that they were waited for', () => {
  const tooSlow = speedometer({ slowestRate: 1000, rateMs: 200 })
  assert.is(tooSlow(1, 199), undefined, 'not yet')
  assert.is(tooSlow(1, 1), 10)
  assert.is(tooSlow(1, 100), undefined, 'counted anew')
  assert.is(tooSlow(198, 100), 995)
  assert.is(tooSlow(200, 200), undefined, 'just fast enough')
  assert.is(tooSlow(1999, 2000), 999, 'rounded down, as what is too slow')
  assert.is(tooSlow(0, 300), 0)
  assert.is(tooSlow(1_000_000, 1), undefined)
})

retries('read Retry-After as seconds or a date', () => {
  assert.is(retryAfter('7'), 7000)
  const now = Date.UTC(2026, 9, 21, 7, 28, 0)
  assert.is(retryAfter('Wed, 21 Oct 2026 07:28:30 GMT', now), 30_000)
  assert.is(retryAfter('Wed, 21 Oct 2026 07:27:30 GMT', now), 0, 'the past')
  assert.is(retryAfter('soon'), undefined)
  assert.is(retryAfter(null), undefined)
})

retries.run()
