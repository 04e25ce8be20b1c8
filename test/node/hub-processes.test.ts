// Processes that fetch the same file beside each other: none writes to another's, none waits, all have it in the end.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { fetchInProcess, pinned, WEIGHTS, weights, world } from '../helpers/hub.ts'
import * as hub from '../helpers/hub-server.ts'

const together = suite('processes beside each other')

together('fetch the same file at once and both have it', async () => {
  await using w = await world()
  const both = await Promise.all([fetchInProcess(w).ended, fetchInProcess(w).ended])
  for (const { code, stdout, stderr } of both) {
    assert.is(code, 0, stderr)
    assert.is(stdout, join(w.snapshot, 'model.safetensors') + '\n')
  }
  assert.equal(new Uint8Array(fs.readFileSync(w.blob)), weights)
  assert.equal(w.partials(), [])
})

for (const stopped of [false, true])
  together(
    `never write to one file: the second begins with a copy of what the first has, which ${stopped ? 'is stopped' : 'works on'}`,
    async () => {
      await using w = await world()
      const { promise: released, resolve: release } = Promise.withResolvers<void>()
      w.server.failNext(WEIGHTS, hub.holdAfter(1_000_000, released))
      const first = fetchInProcess(w)
      await w.arrived(1_000_000)
      if (stopped) first.process.kill('SIGSTOP')
      const second = await fetchInProcess(w).ended
      assert.is(second.code, 0, second.stderr)
      assert.equal(w.asked(), [undefined, 'bytes=1000000-'])
      assert.equal(w.partials(), [], 'what the first has is of no more use')
      const { ino } = fs.statSync(w.blob)
      release()
      if (stopped) first.process.kill('SIGCONT')
      const { code, stdout, stderr } = await first.ended
      assert.is(code, 0, stderr)
      assert.is(stdout, second.stdout)
      assert.is(fs.statSync(w.blob).ino, ino, 'the second one’s file')
      assert.equal(new Uint8Array(fs.readFileSync(w.blob)), weights)
      assert.equal(w.partials(), [])
    },
  )

together('find what another has fetched although their own download fails', async () => {
  await using w = await world()
  w.server.failNext(WEIGHTS, async (response) => {
    await w.fetch([pinned])
    response.writeHead(418).end()
  })
  const [path] = await w.fetch([pinned])
  assert.equal(new Uint8Array(fs.readFileSync(path)), weights)
  assert.equal(w.partials(), [])
})

together.run()
