// `npm run corpus -- --queue` and its workers, on a real Redis: whoever works, and whoever is killed, the files are the same.
import './peers.ts'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { connect } from '../../experiments/tools/corpus/queue/bullmq.ts'
import { PASSWORD, RedisServer } from './redis.ts'
import { Share, SHARDS } from './share.ts'

let redis = await RedisServer.start()
const share = new Share(redis.address)
share.alone('alone')
const test = suite('corpus on a queue')
test.after(async () => {
  await redis.stop()
  share[Symbol.dispose]()
})

/** Shards that were computed, not found to be there. */
const made = (...texts: string[]): number => texts.join('').match(/ tokens in /g)?.length ?? 0

test('one worker', async () => {
  await using command = share.command('one')
  await using worker = share.worker()
  assert.is(await command.end(), 0, command.text)
  share.areSame('one', 'alone')
  assert.is(made(worker.text), SHARDS)
})

test('several workers, and two commands at once: each shard is made once', async () => {
  await using first = share.command('several')
  await using second = share.command('several')
  await using one = share.worker()
  await using other = share.worker()
  assert.is(await first.end(), 0, first.text)
  assert.is(await second.end(), 0, second.text)
  share.areSame('several', 'alone')
  assert.is(made(one.text, other.text), SHARDS, one.text + other.text)
})

test('workers that are killed, in the middle of a shard and at random', async () => {
  await using command = share.command('killed')
  for (const index of [1, 3, 4]) {
    await using worker = share.worker({ at: { index, does: 'die' } })
    assert.is(await worker.end(), 'SIGKILL')
  }
  for (const wait of [150, 0, 300, 75]) {
    await using worker = share.worker()
    await worker.said('waiting for shards')
    await new Promise((resolve) => setTimeout(resolve, wait)) // to no end but that it may be anywhere
    worker.kill('SIGKILL')
  }
  await using worker = share.worker()
  assert.is(await command.end(), 0, command.text + worker.text)
  share.areSame('killed', 'alone')
})

test('Redis is killed and comes back, then comes back empty: nothing is lost', async () => {
  await using command = share.command('restarted')
  {
    await using worker = share.worker({ at: { index: 2, does: 'die' } })
    await worker.end()
  }
  redis = await redis.restart()
  {
    await using worker = share.worker({ at: { index: 5, does: 'die' } })
    await worker.end()
  }
  redis = await redis.restart({ empty: true })
  await using worker = share.worker()
  assert.is(await command.end(), 0, command.text + worker.text)
  assert.match(command.text, /^lost redis:\/\/127\.0\.0\.1:\d+: waiting for it to come back$/m)
  share.areSame('restarted', 'alone')
})

test('a shard whose file is gone is made again, in another run', async () => {
  rmSync(share.path('one/shards/000004.parquet'))
  await using command = share.command('one')
  await using worker = share.worker()
  assert.is(await command.end(), 0, command.text)
  assert.is(made(worker.text), 1)
  share.areSame('one', 'alone')
})

test('a shard that takes longer than a lock is made by one worker', async () => {
  using long = new Share(redis.address, 60)
  await using command = long.command('out', ['--shard-tokens', '131072'])
  await using one = long.worker()
  await using other = long.worker()
  assert.is(await command.end(), 0, command.text)
  const [, seconds] = / tokens in ([\d.]+) s/.exec(one.text + other.text)!
  assert.ok(Number(seconds) > 3, `three locks of a second; it took ${seconds} s`)
  assert.is(made(one.text, other.text), 1)
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
    assert.match(share.manifest('tls').command, ' --queue "rediss://***@127.0.0.1:')
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

test('Ctrl-C: a worker gives its shard back, the command takes its shards out of the queue', async () => {
  using connection = await connect(redis.address)
  const queue = connection.queue()
  await using command = share.command('interrupted')
  await using worker = share.worker({ at: { index: 3, does: 'interrupt' } })
  assert.is(await worker.end(), 130)
  const waiting = await queue.getJobs(['waiting', 'active'])
  const data = waiting.map((job) => job.data as { index: number; begun: string[] })
  assert.equal(data.map(({ index }) => index).sort(), [3, 4, 5, 6, 7, 8])
  assert.equal(
    data.flatMap(({ begun }) => begun),
    [],
  )
  command.kill('SIGINT')
  assert.is(await command.end(), 130)
  assert.equal(await queue.getJobs(['waiting', 'active', 'delayed']), [])
  assert.not(existsSync(share.path('interrupted/manifest.json')))
  await using again = share.command('interrupted')
  await using other = share.worker()
  assert.is(await again.end(), 0, again.text + other.text)
  share.areSame('interrupted', 'alone')
})

test.run()
