// What a worker needs for a corpus: its own model and SAEs, checked against those that the corpus was started with.
import { relative } from 'node:path'
import type { Backend } from '../../../../engine/backend.ts'
import type { Sae } from '../../../../sae/weights.ts'
import { UserError } from '../../../lab/cli/user-error.ts'
import type { EngineOptions } from '../../../lab/models/engine-options.ts'
import type { OpenModel } from '../../../lab/models/models.ts'
import { describeJob, differences, hashJob } from '../job.ts'
import { corpusFiles, type CorpusFile } from '../read/files.ts'
import type { Workbench } from '../run-shard.ts'
import { belowRoot } from './below-root.ts'
import type { ShardJob } from './shard-job.ts'

/** This worker cannot work on the shard; another may be able to. */
export class Misfit extends UserError {
  override name = 'Misfit'
}

export interface Prepared {
  readonly bench: Workbench
  readonly root: string
  readonly files: readonly CorpusFile[]
}

export class Benches implements Disposable {
  readonly #ops: Backend
  readonly #model: OpenModel
  readonly #root: string
  readonly #options: EngineOptions
  readonly #saes = new Map<string, Sae>()
  /** By the corpus's job and the path of its texts. */
  readonly #prepared = new Map<string, Prepared>()

  /** root: a real path; options: those that the model was opened with */
  constructor(ops: Backend, model: OpenModel, root: string, options: EngineOptions) {
    this.#ops = ops
    this.#model = model
    this.#root = root
    this.#options = options
  }

  /** @throws Misfit naming how this worker differs; BadShard */
  async of(task: ShardJob): Promise<Prepared> {
    const key = `${task.hash} ${task.texts}`
    const known = this.#prepared.get(key)
    if (known) return known
    const refuse = (what: string) => new Misfit(`this worker cannot work on ${task.out}: ${what}`)
    const { columns, seed, shardTokens, store, saes } = task.job
    const hooks = saes.map(({ hook }) => hook)
    const missing = hooks.filter((hook) => !this.#model.saeHooks.includes(hook))
    if (missing.length > 0) throw refuse(`${this.#model.name} has no SAE here for ${missing.join(', ')}`)
    const files = await this.#filesOf(task, refuse)
    await this.#model.prepareSaes(hooks)
    const settings = { columns, seed, shardTokens, store }
    const job = await describeJob(this.#ops, this.#options.model, hooks, files, settings, this.#options)
    const differing = differences(task.job, { ...job, files: undefined })
    if (differing.length > 0) {
      const here = `clearbox ${job.code}; ${job.model.name}; ${job.arithmetic}`
      const there = `clearbox ${task.job.code}; ${task.job.model.name}; ${task.job.arithmetic}`
      throw refuse(`it differs in the ${differing.join(', the ')} (here ${here}; there ${there})`)
    }
    if (hashJob(job) !== task.hash)
      throw refuse(`the names, sizes or dates of the texts in ${task.texts} are different below its --root`)
    for (const hook of hooks) if (!this.#saes.has(hook)) this.#saes.set(hook, await this.#model.openSae(hook))
    const ofHooks = hooks.map((hook) => this.#saes.get(hook)!)
    const bench = { model: this.#model, saes: ofHooks, job, jobHash: task.hash }
    const prepared = { bench, files, root: this.#root }
    this.#prepared.set(key, prepared)
    return prepared
  }

  async #filesOf({ texts }: ShardJob, refuse: (what: string) => Misfit): Promise<CorpusFile[]> {
    const path = await belowRoot(this.#root, texts)
    const { files } = await corpusFiles(path).catch((error: Error) => {
      throw refuse(error.message)
    })
    for (const file of files) await belowRoot(this.#root, relative(this.#root, file.path))
    return files
  }

  [Symbol.dispose](): void {
    for (const sae of this.#saes.values()) sae[Symbol.dispose]()
  }
}
