// What the hub is told, and what it may not have: tokens, redirects, addresses; the settings of Python's tools.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nextAddress } from '../../experiments/lab/models/hub/request.ts'
import { hubSettings } from '../../experiments/lab/models/hub/settings.ts'
import { configFile, pinned, WEIGHTS, world } from '../helpers/hub.ts'
import * as hub from '../helpers/hub-server.ts'
import { refusal } from '../helpers/refusal.ts'

const privacy = suite('tokens and settings')

privacy('send the token to the hub and to no other host', async () => {
  await using w = await world()
  await w.fetch([configFile, pinned], { token: 'hf_secret' })
  assert.ok(w.server.requests.length >= 6)
  for (const { host, authorization } of w.server.requests)
    assert.is(authorization, host === 'hub' ? 'Bearer hf_secret' : undefined)
})

privacy('follow redirects of every kind, and ten of them', async () => {
  await using w = await world()
  const again = (status: number) => hub.status(status, { Location: `/${WEIGHTS}` })
  for (const status of [301, 302, 303, 307, 308]) w.server.failNext(WEIGHTS, again(status))
  await w.fetch([pinned])
  assert.is(w.asked().length, 6)
  await using x = await world()
  x.server.failNext(WEIGHTS, ...Array.from({ length: 9 }, () => again(302))) // the hub's own is the tenth
  await x.fetch([pinned])
  await using y = await world()
  y.server.failNext(WEIGHTS, ...Array.from({ length: 10 }, () => again(302)))
  assert.match(await refusal(y.fetch([pinned])), ': more than 10 redirects, the last to 127.0.0.1')
})

privacy('follow no redirect from the network to this machine, or away from https', () => {
  const [hub, loopback] = [new URL('https://huggingface.co/a'), new URL('http://127.0.0.1:8080/a')]
  const from = (first: URL, location: string) => nextAddress(first, location, first, 'gpt2').href
  for (const here of [
    'http://127.0.0.1:1/x',
    'https://localhost/x',
    'http://[::1]/x',
    'http://192.0.2.1/x',
    'file:///x',
  ])
    assert.throws(
      () => from(hub, here),
      (error: Error) => /^gpt2: huggingface\.co redirects to .*: only https is followed$/.test(error.message),
      here,
    )
  assert.is(from(hub, 'https://cdn.example/x'), 'https://cdn.example/x')
  assert.is(from(hub, '/b'), 'https://huggingface.co/b')
  assert.is(from(loopback, 'http://127.0.0.1:1/x'), 'http://127.0.0.1:1/x')
})

privacy('keep signed addresses out of messages', async () => {
  await using w = await world()
  w.server.failNext(WEIGHTS, hub.status(404))
  assert.not.match(await refusal(w.fetch([pinned], { token: 'hf_secret' })), /secret/)
})

privacy('read what huggingface_hub reads', async () => {
  const home = fs.mkdtempSync(join(tmpdir(), 'clearbox-home-'))
  fs.writeFileSync(join(home, 'token'), 'hf_file\n')
  const fromHome = await hubSettings({ HF_HOME: home, HF_HUB_OFFLINE: 'yes' })
  assert.is(fromHome.cacheFolder, join(home, 'hub'))
  assert.is(fromHome.endpoint, 'https://huggingface.co')
  assert.is(fromHome.token, 'hf_file')
  assert.is(fromHome.offline, true)
  const explicit = await hubSettings({
    HF_HOME: home,
    HF_HUB_CACHE: '/elsewhere',
    HF_TOKEN: 'hf_env',
    HF_ENDPOINT: 'https://mirror.example/hf/',
    HF_HUB_OFFLINE: '0',
  })
  assert.is(explicit.cacheFolder, '/elsewhere')
  assert.is(explicit.endpoint, 'https://mirror.example/hf')
  assert.is(explicit.token, 'hf_env')
  assert.is(explicit.offline, false)
  assert.is((await hubSettings({ XDG_CACHE_HOME: '/c' })).cacheFolder, '/c/huggingface/hub')
  assert.is((await hubSettings({ HF_HOME: home }, { offline: true })).offline, true)
  fs.rmSync(home, { recursive: true })
})

privacy('refuse an endpoint without encryption', async () => {
  assert.is(
    await refusal(hubSettings({ HF_ENDPOINT: 'http://mirror.example' })),
    "HF_ENDPOINT: expected an https address, got 'http://mirror.example': only this machine may be asked without",
  )
  assert.match(
    await refusal(hubSettings({ HF_ENDPOINT: 'mirror' })),
    "expected a URL such as https://huggingface.co, got 'mirror'",
  )
  for (const endpoint of ['http://localhost:1', 'http://127.0.0.1:1', 'http://[::1]:1'])
    assert.is((await hubSettings({ HF_ENDPOINT: endpoint })).endpoint, endpoint)
  assert.match(
    await refusal(hubSettings({ HF_ENDPOINT: 'http://127.0.0.1.example' })),
    'expected an https address',
  )
})

privacy.run()
