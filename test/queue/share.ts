// A folder that machines share: texts, the results of corpora, and what works on them.
import * as assert from 'uvu/assert'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Manifest } from '../../experiments/lab/analysis/corpus/corpus-format.ts'
import { fromCategories } from '../../experiments/lab/texts/texts.ts'
import texts from '../../experiments/lab/texts/texts.json' with { type: 'json' }
import { runScript } from '../helpers/cli.ts'
import { Running, type How } from './running.ts'

const COMMAND = 'experiments/tools/corpus/main.ts'
const WORKER = 'experiments/tools/corpus/queue/main.ts'
const RESULT = ['features.parquet', 'examples.parquet', 'layers.parquet', 'bad-input.csv']

/** How many shards there are, the last of which is empty. */
export const SHARDS = 9

export class Share implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), 'queue-share-'))
  /** The address of the queue. */
  address: string

  /** times: how often the texts stand there */
  constructor(address: string, times = 1) {
    this.address = address
    mkdirSync(join(this.root, 'texts'))
    const lines = fromCategories(texts).map((text) => JSON.stringify(text))
    const all = Array.from({ length: times }, () => lines.join('\n'))
    writeFileSync(join(this.root, 'texts/a.jsonl'), `${all.join('\n')}\n{"text": 3}\n`)
  }

  path(...parts: string[]): string {
    return join(this.root, ...parts)
  }

  #args(out: string): string[] {
    const shards = ['--shard-tokens', '500', '--threads', '1']
    return ['--texts', this.path('texts'), '--layers', '2', '--out', this.path(out), ...shards]
  }

  /** The command without a queue: what all others are held to. */
  alone(out: string): void {
    const { status, stderr } = runScript(COMMAND, [...this.#args(out), '--json'])
    assert.is(status, 0, stderr)
  }

  command(out: string, more: readonly string[] = [], how: How = {}): Running {
    const args = [...this.#args(out), '--queue', this.address, '--root', this.root, ...more]
    return new Running(COMMAND, args, how)
  }

  worker(how: How = {}, ...more: string[]): Running {
    const threads = more.includes('reference') ? [] : ['--threads', '1']
    const args = ['--queue', this.address, '--root', this.root, '--lock', '1', ...threads]
    return new Running(WORKER, [...args, ...more], how)
  }

  /** Whether two corpora have the same files, bit for bit, but for the command that made them. */
  areSame(one: string, other: string): void {
    const shards = readdirSync(this.path(one, 'shards')).sort()
    assert.equal(shards, readdirSync(this.path(other, 'shards')).sort())
    for (const name of [...RESULT, ...shards.map((name) => join('shards', name))])
      assert.ok(readFileSync(this.path(one, name)).equals(readFileSync(this.path(other, name))), name)
    assert.equal({ ...this.manifest(one), command: '' }, { ...this.manifest(other), command: '' })
  }

  manifest(out: string): Manifest {
    return JSON.parse(readFileSync(this.path(out, 'manifest.json'), 'utf8')) as Manifest
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true })
  }
}
