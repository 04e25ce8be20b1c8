// What a worker of a queue refuses, and what it gives up: by name, and without harm to the rest.
import './peers.ts'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { connect, type QueuedJob } from '../../experiments/tools/corpus/queue/bullmq.ts'
import type { ShardJob } from '../../experiments/tools/corpus/queue/shard-job.ts'
import { RedisServer } from './redis.ts'
import { Share, SHARDS } from './share.ts'

const redis = await RedisServer.start()
const share = new Share(redis.address)
const connection = await connect(redis.address)
const queue = connection.queue()
share.alone('alone')
const test = suite('what workers refuse')
test.after(async () => {
  connection[Symbol.dispose]()
  await redis.stop()
  share[Symbol.dispose]()
})

/** A shard of the corpus `first`, as it was queued. */
let sample: ShardJob

/** Queues it, and waits for it to end. */
async function ended(id: string, data: unknown): Promise<QueuedJob> {
  await queue.add('shard', data, { jobId: id })
  for (;;) {
    const job = (await queue.getJob(id))!
    if (['completed', 'failed'].includes(await job.getState())) return (await queue.getJob(id))!
    await setTimeout(20)
  }
}

test('a shard that always fails ends in the list of those that failed, with its reason; the rest are made', async () => {
  {
    await using command = share.command('first')
    await using worker = share.worker({ at: { index: 2, does: 'fail' } })
    assert.is(await command.end(), 1, command.text)
    const reason = `cannot write ${share.path('first/shards/000002.parquet')}: the disk says no`
    assert.match(
      command.text,
      `error: 1 of ${SHARDS} shards failed, all others are done: shard 2: ${reason}: correct what is wrong; the same command then works only on those\n`,
    )
    assert.is(worker.text.match(/-2-0: .*the disk says no/g)?.length, 3, worker.text)
  }
  const failed = await queue.getJobs(['failed'])
  assert.is(failed.length, 1)
  assert.match(failed[0].failedReason!, 'the disk says no')
  sample = failed[0].data as ShardJob
  assert.equal([sample.index, sample.begun], [2, []])
  await using command = share.command('first')
  await using worker = share.worker()
  assert.is(await command.end(), 0, command.text + worker.text)
  share.areSame('first', 'alone')
})

test('a worker whose weights, arithmetic or texts differ leaves the shard to others, and ends', async () => {
  const model = share.path('model')
  cpSync(join(import.meta.dirname, '../../gpt2/tiny'), model, { recursive: true })
  cpSync(join(import.meta.dirname, '../../sae/tiny'), join(model, 'sae'), { recursive: true })
  const weights = readFileSync(join(model, 'model.safetensors'))
  weights[weights.length - 1] ^= 1
  writeFileSync(join(model, 'model.safetensors'), weights)
  const elsewhere = share.path('elsewhere')
  mkdirSync(elsewhere)
  cpSync(share.path('texts'), join(elsewhere, 'texts'), { recursive: true })
  utimesSync(join(elsewhere, 'texts/a.jsonl'), 1, 1)
  await using command = share.command('second')
  for (const [what, ...more] of [
    ['it differs in the model’s weights (here ', '--model', model],
    ['it differs in the arithmetic (here ', '--backend', 'reference'],
    ['the names, sizes or dates of the texts in texts are different below its --root', '--root', elsewhere],
    [
      '/nowhere/texts: there is no such file or folder',
      '--root',
      (mkdirSync(share.path('nowhere')), share.path('nowhere')),
    ],
  ]) {
    await using worker = share.worker({}, ...more)
    assert.is(await worker.end(), 1)
    assert.match(worker.text, /^error: this worker cannot work on second: /m)
    assert.match(worker.text, what)
    assert.match(worker.text, ': left to other workers\n')
  }
  await command.said(': this worker cannot work on second: ')
  await using worker = share.worker()
  assert.is(await command.end(), 0, command.text + worker.text)
  share.areSame('second', 'alone')
})

test('paths out of --root, what is no shard, and a shard that killed five workers are given up', async () => {
  const outside = share.path('outside')
  mkdirSync(outside)
  mkdirSync(share.path('root'))
  mkdirSync(share.path('root/linked'))
  symlinkSync(outside, share.path('root/linked/shards'))
  mkdirSync(share.path('root/texts-linked'))
  symlinkSync(share.path('texts/a.jsonl'), share.path('root/texts-linked/a.jsonl'))
  cpSync(share.path('texts'), share.path('root/texts'), { recursive: true, preserveTimestamps: true })
  await using _worker = share.worker({}, '--root', share.path('root'))
  const reasons: Record<string, unknown> = {
    '../outside: expected a path below --root, without ..': { ...sample, texts: '../outside' },
    'ABSOLUTE: expected a path below --root, without ..': { ...sample, texts: outside },
    'LINKED: a symbolic link leads out of --root': { ...sample, out: 'linked' },
    'texts-linked/a.jsonl: a symbolic link leads out of --root': { ...sample, texts: 'texts-linked' },
    'an entry of the queue is not a shard of a corpus': { ...sample, index: '../../x' },
    '5 workers started it, and none of them was heard from again: a, b, c, d, e': {
      ...sample,
      begun: [...'abcde'],
    },
  }
  for (const [i, [reason, data]] of Object.entries(reasons).entries()) {
    const { failedReason } = await ended(`bad-${i}`, data)
    assert.match(
      failedReason!,
      reason.replace('ABSOLUTE', outside).replace('LINKED', 'linked/shards/000002.parquet'),
    )
  }
  assert.not(existsSync(join(outside, '000002.parquet')))
})

test('a shard that is delivered twice is made once', async () => {
  await using worker = share.worker()
  const results = []
  for (const id of ['twice-0', 'twice-1']) results.push(await ended(id, { ...sample, out: 'twice' }))
  assert.equal(
    results.map(({ failedReason }) => failedReason),
    [undefined, undefined],
  )
  await worker.said('twice: shard 2, 506 tokens already done')
  assert.is(worker.text.match(/twice: shard 2, 506 tokens in /g)?.length, 1)
  const [one, other] = ['first', 'twice'].map((out) => readFileSync(share.path(out, 'shards/000002.parquet')))
  assert.ok(one.equals(other))
})

test.run()
