// What comes between a corpus's command, its workers and their Redis: restarts, locks, TLS, passwords.
import './peers.ts'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync } from 'node:fs'
import { connect } from '../../experiments/tools/corpus/queue/bullmq.ts'
import type { ShardJob } from '../../experiments/tools/corpus/queue/shard-job.ts'
import { PASSWORD, RedisServer } from './redis.ts'
import { Share } from './share.ts'

/** Seconds. */
const LOCK = 2

let redis = await RedisServer.start()
const share = new Share(redis.address)
share.alone('alone')
const test = suite('corpus on a queue, and its Redis')
test.after(async () => {
  await redis.stop()
  share[Symbol.dispose]()
})

test('Redis is killed and comes back, then comes back empty: nothing is lost', async () => {
  await using command = share.command('restarted')
  {
    await using worker = share.worker({ lock: 1, at: { index: 2, does: 'die' } })
    await worker.end()
  }
  redis = await redis.restart()
  {
    await using worker = share.worker({ lock: 1, at: { index: 5, does: 'die' } })
    await worker.end()
  }
  redis = await redis.restart({ empty: true })
  await using worker = share.worker({ lock: 1 })
  assert.is(await command.end(), 0, command.text + worker.text)
  assert.match(command.text, /^lost redis:\/\/127\.0\.0\.1:\d+: waiting for it to come back$/m)
  share.areSame('restarted', 'alone')
})

test('a shard that takes longer than its lock is made by one worker: locks are renewed between kernels', async () => {
  using connection = await connect(redis.address)
  await using command = share.command('long', ['--shard-tokens', '131072'])
  await using one = share.worker({ lock: LOCK, at: 'every batch' })
  await using other = share.worker({ lock: LOCK, at: 'every batch' })
  assert.is(await command.end(), 0, command.text)
  const [, seconds] = / tokens in ([\d.]+) s/.exec(one.text + other.text)!
  // BullMQ looks once a lock, and gives away at its second look what has no lock.
  assert.ok(Number(seconds) > 2.5 * LOCK, `it took ${seconds} s`)
  const jobs = await connection.queue().getJobs(['active', 'waiting', 'completed'])
  const tasks = jobs.map(({ data }) => data as ShardJob).filter(({ out }) => out === 'long')
  assert.equal(
    tasks.map(({ begun }) => begun.length),
    [1],
    'begun by one worker',
  )
})

test('rediss, a password from the environment, and none told', async () => {
  const tls = await RedisServer.start({ tls: true })
  try {
    const env = {
      NODE_EXTRA_CA_CERTS: `${import.meta.dirname}/tls/cert.pem`,
      CLEARBOX_QUEUE_PASSWORD: PASSWORD,
    }
    share.address = tls.address
    await using command = share.command('tls', [], { env })
    share.address = tls.address.replace(/:\/\/.*@/, '://')
    await using worker = share.worker({ env })
    assert.is(await command.end(), 0, command.text + worker.text)
    share.areSame('tls', 'alone')
    const told = command.text + worker.text
    assert.not.match(told + readFileSync(share.path('tls/job.json'), 'utf8'), PASSWORD)
    assert.match(share.manifest('tls').command, ` --queue "rediss://***@127.0.0.1:`)
  } finally {
    share.address = redis.address
    await tls.stop()
  }
})

test('a wrong password and nobody there are told in a line', async () => {
  share.address = redis.address.replace('Secret', 'Wrong')
  await using wrong = share.worker()
  assert.is(await wrong.end(), 1)
  assert.match(wrong.text, /^error: cannot use Redis at redis:\/\/127\.0\.0\.1:\d+: WRONGPASS [^\n]*\n$/)
  assert.not.match(wrong.text, 'a-Wrong')
  share.address = 'redis://127.0.0.1:1'
  await using nobody = share.command('nobody')
  assert.is(await nobody.end(), 1)
  assert.match(
    nobody.text,
    'error: cannot use Redis at redis://127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1\n',
  )
  share.address = redis.address
})

test.run()
