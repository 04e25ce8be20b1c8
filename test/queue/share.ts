// A folder that machines share: texts, the results of corpora, and what works on them.
import * as assert from 'uvu/assert'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import type { Manifest } from '../../experiments/lab/analysis/corpus/corpus-format.ts'
import { fromCategories } from '../../experiments/lab/texts/texts.ts'
import texts from '../../experiments/lab/texts/texts.json' with { type: 'json' }
import { runScript } from '../helpers/cli.ts'
import { Running, type How } from './running.ts'

const COMMAND = 'experiments/tools/corpus/main.ts'
/** Files that show the command that made them. */
const WITH_COMMAND = ['manifest.json', 'index.html']
const WORKER = 'experiments/tools/corpus/queue/main.ts'

/** How many shards there are, the last of which is empty. */
export const SHARDS = 9

/** Shards that workers say they computed, not found to be there. */
export const made = (...said: string[]): number => said.join('').match(/ tokens in /g)?.length ?? 0

export class Share implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), 'queue-share-'))
  /** The address of the queue. */
  address: string

  constructor(address: string) {
    this.address = address
    mkdirSync(join(this.root, 'texts'))
    const lines = fromCategories(texts).map((text) => JSON.stringify(text))
    writeFileSync(join(this.root, 'texts/a.jsonl'), `${lines.join('\n')}\n{"text": 3}\n`)
  }

  path(...parts: string[]): string {
    return join(this.root, ...parts)
  }

  #args(out: string): string[] {
    const shards = ['--shard-tokens', '500', '--threads', '1']
    return ['--texts', this.path('texts'), '--layers', '2', '--out', this.path(out), ...shards]
  }

  /** The command without a queue: what all others are held to. */
  alone(out: string, more: readonly string[] = []): void {
    const { status, stderr } = runScript(COMMAND, [...this.#args(out), ...more, '--json'])
    assert.is(status, 0, stderr)
  }

  command(out: string, more: readonly string[] = [], how: How = {}): Running {
    const args = [...this.#args(out), '--queue', this.address, '--root', this.root, ...more]
    return new Running(COMMAND, args, how)
  }

  /** lock: in seconds; short where a worker dies */
  worker(how: How & { readonly lock?: number } = {}, ...more: string[]): Running {
    const threads = more.includes('reference') ? [] : ['--threads', '1']
    const args = ['--queue', this.address, '--root', this.root, '--lock', `${how.lock ?? 30}`, ...threads]
    return new Running(WORKER, [...args, ...more], how)
  }

  /** Whether two corpora have the same files, bit for bit, but for the command that made them. */
  areSame(one: string, other: string): void {
    const names = this.#files(one)
    assert.equal(names, this.#files(other))
    for (const name of names.filter((name) => !WITH_COMMAND.includes(name)))
      assert.ok(readFileSync(this.path(one, name)).equals(readFileSync(this.path(other, name))), name)
    assert.equal({ ...this.manifest(one), command: '' }, { ...this.manifest(other), command: '' })
  }

  #files(out: string): string[] {
    const all = readdirSync(this.path(out), { recursive: true, withFileTypes: true })
    const files = all.filter((one) => one.isFile())
    return files.map(({ parentPath, name }) => relative(this.path(out), join(parentPath, name))).sort()
  }

  manifest(out: string): Manifest {
    return JSON.parse(readFileSync(this.path(out, 'manifest.json'), 'utf8')) as Manifest
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true })
  }
}
