// `npm run corpus -- --queue` and its workers, on a real Redis: whoever works, and whoever is killed, the files are the same.
import './peers.ts'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { connect } from '../../experiments/tools/corpus/queue/bullmq.ts'
import { RedisServer } from './redis.ts'
import { made, Share, SHARDS } from './share.ts'

const redis = await RedisServer.start()
const share = new Share(redis.address)
share.alone('alone')
const test = suite('corpus on a queue')
test.after(async () => {
  await redis.stop()
  share[Symbol.dispose]()
})

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
  for (const index of [1, 4]) {
    await using worker = share.worker({ lock: 1, at: { index, does: 'die' } })
    assert.is(await worker.end(), 'SIGKILL')
  }
  for (const wait of [150, 30]) {
    await using worker = share.worker({ lock: 1 })
    await worker.said('waiting for shards')
    await new Promise((resolve) => setTimeout(resolve, wait)) // to no end but that it may be anywhere
    worker.kill('SIGKILL')
  }
  await using worker = share.worker({ lock: 1 })
  assert.is(await command.end(), 0, command.text + worker.text)
  share.areSame('killed', 'alone')
})

test('a shard whose file is gone is made again, in another run', async () => {
  rmSync(share.path('one/shards/000004.parquet'))
  await using command = share.command('one')
  await using worker = share.worker()
  assert.is(await command.end(), 0, command.text)
  assert.is(made(worker.text), 1)
  share.areSame('one', 'alone')
})

test('--store: a worker keeps of each token what the command would, also where another one died over it', async () => {
  const store = ['--store', 'features,blocks.3.hook_resid_pre']
  share.alone('stored-alone', store)
  await using command = share.command('stored', store)
  {
    await using worker = share.worker({ lock: 1, at: { index: 2, does: 'die' } })
    assert.is(await worker.end(), 'SIGKILL')
  }
  await using worker = share.worker({ lock: 1 })
  assert.is(await command.end(), 0, command.text + worker.text)
  for (const kind of ['activations', 'documents', 'hooks'])
    assert.is(readdirSync(share.path('stored', kind)).length, SHARDS, kind)
  share.areSame('stored', 'stored-alone')
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
