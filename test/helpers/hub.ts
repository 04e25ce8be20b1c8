// A client of the hub on this machine, with a cache folder of its own.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Tensor } from '../../engine/tensor.ts'
import { encodeSafetensors } from '../../engine/weights/safetensors.ts'
import { fetchFiles } from '../../experiments/lab/models/hub/hub.ts'
import type { HubSettings, Patience } from '../../experiments/lab/models/hub/settings.ts'
import { cacheStore, type HubFile } from '../../experiments/lab/models/hub/store.ts'
import * as hub from './hub-server.ts'

export const REPO = 'openai-community/gpt2'
export const COMMIT = '607a30d783dfa663caf39e06633721c8d4cfcd7e'
export const WEIGHTS = `${REPO}/model.safetensors`
export const CONFIG = `${REPO}/config.json`

const numbers = Float32Array.from({ length: 750_000 }, (_, i) => Math.sin(i))
/** Some 3 MB. */
export const weights = encodeSafetensors([['wte.weight', Tensor.of([numbers.length], numbers)]])
export const config = new TextEncoder().encode('{"model_type": "gpt2"}\n')

export const configFile: HubFile = { repo: REPO, revision: COMMIT, path: 'config.json', local: 'config.json' }
export const weightsFile: HubFile = { ...configFile, path: 'model.safetensors', local: 'model.safetensors' }
export const pinned: HubFile = { ...weightsFile, size: weights.length, sha256: hub.sha256(weights) }

/** So patient that no machine is too slow; a test that is about a limit sets that one. */
export const patience: Patience = {
  silenceMs: 240_000,
  slowestRate: 1000,
  rateMs: 240_000,
  tries: 3,
  backoffMs: 1,
  longestPauseMs: 2000,
}

export interface Changes extends Partial<Omit<HubSettings, 'patience'>> {
  readonly patience?: Partial<Patience>
}

export type World = Awaited<ReturnType<typeof world>>

/** A server and a cache folder, both gone after the test. */
export async function world(content = weights) {
  const server = await hub.startHub(
    { [WEIGHTS]: { content, large: true }, [CONFIG]: { content: config, large: false } },
    COMMIT,
  )
  const folder = fs.mkdtempSync(join(tmpdir(), 'clearbox-hub-'))
  const settings: HubSettings = {
    endpoint: server.endpoint,
    rawEndpoint: server.endpoint,
    cacheFolder: folder,
    ownCacheFolder: folder,
    offline: false,
    patience,
  }
  const fetch = (
    files: readonly HubFile[],
    { patience: limits, ...changes }: Changes = {},
    store = cacheStore(folder),
  ) =>
    fetchFiles({ ...settings, ...changes, patience: { ...patience, ...limits } }, store, files, {
      what: 'gpt2',
      command: 'npm run download -- gpt2',
      quiet: true,
    })
  const cached = join(folder, 'models--openai-community--gpt2')
  const partials = () => fs.globSync('**/*.partial', { cwd: folder }).map((name) => join(folder, name))
  return {
    server,
    folder,
    settings,
    fetch,
    blob: join(cached, 'blobs', hub.sha256(weights)),
    snapshot: join(cached, 'snapshots', COMMIT),
    /** The ranges that the host of large files was asked for. */
    asked: () => server.requests.filter(({ host }) => host === 'store').map(({ range }) => range),
    /** The paths of the partial files there are. */
    partials,
    /** Waits until a partial file has so many bytes, however long that takes. */
    arrived: async (bytes: number): Promise<void> => {
      const has = (path: string) => fs.statSync(path, { throwIfNoEntry: false })?.size === bytes
      while (!partials().some(has)) await pause(5)
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      fs.rmSync(folder, { recursive: true })
    },
  }
}

/** Fetches the weights in a process of their own. */
export function fetchInProcess({ server, folder }: World, ulimit?: string) {
  const script = join(import.meta.dirname, '../fixtures/hub/fetch.ts')
  const args = [process.execPath, script, server.endpoint, folder, REPO, COMMIT, 'model.safetensors']
  const limit = ulimit ? `ulimit ${ulimit}; ` : ''
  const child = spawn('bash', ['-c', `${limit}exec "$@"`, 'bash', ...args], {
    env: { ...process.env, CLEARBOX_DEBUG: '' },
  })
  const text = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (text.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (text.stderr += chunk.toString()))
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...text }))
  return { process: child, ended }
}
