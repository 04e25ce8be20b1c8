// A redis-server of one's own, on a free port of this machine.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const PASSWORD = 'a-Secret!1'

export class RedisServer {
  readonly #port: number
  readonly #tls: boolean
  readonly #process: ChildProcess
  #folder: string

  private constructor(port: number, tls: boolean, folder: string) {
    this.#port = port
    this.#tls = tls
    this.#folder = folder
    const [cert, key] = ['cert.pem', 'key.pem'].map((name) => join(import.meta.dirname, 'tls', name))
    const ports = tls
      ? [
          '--port',
          '0',
          '--tls-port',
          `${port}`,
          '--tls-cert-file',
          cert,
          '--tls-key-file',
          key,
          '--tls-auth-clients',
          'no',
        ]
      : ['--port', `${port}`]
    const args = [
      ...ports,
      '--bind',
      '127.0.0.1',
      '--requirepass',
      PASSWORD,
      '--appendonly',
      'yes',
      '--save',
      '',
      '--dir',
      folder,
    ]
    this.#process = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  }

  /** @throws if redis-server is not installed, or does not start */
  static async start({ tls = false } = {}): Promise<RedisServer> {
    const folder = mkdtempSync(join(tmpdir(), 'queue-redis-'))
    return new RedisServer(await freePort(), tls, folder).#ready()
  }

  get address(): string {
    return `redis${this.#tls ? 's' : ''}://:${PASSWORD}@127.0.0.1:${this.#port}`
  }

  async #ready(): Promise<this> {
    let log = ''
    for await (const chunk of this.#process.stdout!) {
      log += (chunk as Buffer).toString()
      if (log.includes('Ready to accept connections')) return this
    }
    throw new Error(`redis-server does not start (Debian: apt-get install redis-server):\n${log}`)
  }

  /** Kills it, and starts another on its port: with what it had written to its log of commands, or empty. */
  async restart({ empty = false } = {}): Promise<RedisServer> {
    await this.#kill()
    if (empty) {
      rmSync(this.#folder, { recursive: true })
      this.#folder = mkdtempSync(join(tmpdir(), 'queue-redis-'))
    }
    return new RedisServer(this.#port, this.#tls, this.#folder).#ready()
  }

  async stop(): Promise<void> {
    await this.#kill()
    rmSync(this.#folder, { recursive: true })
  }

  async #kill(): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await ended
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
