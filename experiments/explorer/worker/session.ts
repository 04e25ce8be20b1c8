import type { Backend } from '../../../engine/backend.ts'
import { createBackend } from '../../../engine/backends.ts'
import { describeBasis } from '../../../sae/config.ts'
import { layerOf } from '../../lab/models/hooks.ts'
import type { Answer, BackendChoice, Opened, Request } from '../protocol.ts'
import { Cards } from './card.ts'
import { failureOf, Fault } from './fault.ts'
import { canHash, type ModelFiles } from './files.ts'
import { runText } from './run-text.ts'
import { loadModel, type Model } from './model.ts'

/** What a worker knows when it starts. */
export interface Surroundings {
  /** The address of the page's folder. */
  readonly base: string
  readonly files: ModelFiles
  /** Whether the page may share memory between threads. */
  readonly isolated: boolean
  readonly send: (answer: Answer) => void
}

/** What a unfinished run throws to itself when a newer one has come. */
const SUPERSEDED = new Error('a newer text came')

/** One worker's work: it opens a backend, then answers runs and cards, one at a time, the newest run only. */
export class Session {
  readonly #around: Surroundings
  #model: Model | undefined
  #cards: Cards | undefined
  #runs = 0
  #queue: Promise<void> = Promise.resolve()

  constructor(around: Surroundings) {
    this.#around = around
  }

  /** Resolves when the request is answered; a fault is an answer too. */
  handle(request: Request): Promise<void> {
    if (request.type === 'open') return this.#answered(undefined, () => this.#open(request.backend))
    if (request.type === 'card') {
      const { id, hook, feature } = request
      return this.#answered(id, async () => {
        const card = await this.#opened().cards.read(hook, feature)
        this.#around.send({ type: 'card', id, card })
      })
    }
    const turn = ++this.#runs
    return this.#answered(request.id, () => this.#run(request, turn))
  }

  /** Does `work` after all that was asked before it. */
  #answered(id: number | undefined, work: () => Promise<void>): Promise<void> {
    this.#queue = this.#queue.then(work).catch((error: unknown) => {
      if (error !== SUPERSEDED) this.#around.send({ type: 'failed', id, failure: failureOf(error) })
    })
    return this.#queue
  }

  async #open(choice: BackendChoice): Promise<void> {
    const { base, files, send, isolated } = this.#around
    const onProgress = (label: string, done: number, total: number) =>
      send({ type: 'progress', label, done, total })
    const ops = await startBackend(choice)
    this.#model = await loadModel(ops, base, files, onProgress)
    this.#cards = new Cards(this.#model, base, files)
    send({ type: 'opened', opened: { ...factsOf(this.#model), notes: notes(ops, isolated) } })
  }

  async #run(request: Request & { type: 'run' }, turn: number): Promise<void> {
    const { send } = this.#around
    const { id } = request
    const onLayer = async (done: number) => {
      send({ type: 'layer', id, done })
      await messagesHandled()
      if (turn !== this.#runs) throw SUPERSEDED
    }
    await messagesHandled()
    if (turn !== this.#runs) throw SUPERSEDED
    send({ type: 'run', id, run: await runText(this.#opened().model, request, onLayer) })
  }

  #opened(): { model: Model; cards: Cards } {
    if (this.#model === undefined || this.#cards === undefined)
      throw new Error('the worker was asked before it was opened')
    return { model: this.#model, cards: this.#cards }
  }
}

/** @throws Fault with the backend's own reason: what was asked for runs, or nothing does */
async function startBackend({ name, threads }: BackendChoice): Promise<Backend> {
  return createBackend(name, { threads }).catch((error: Error) => {
    if (failureOf(error).kind === 'memory') throw error
    throw new Fault('start', `${error.message}.`, 'Let something else compute.', { cause: error })
  })
}

function factsOf({ name, gpt2, saes, hints }: Model): Omit<Opened, 'notes'> {
  const { config, ops } = gpt2
  const configs = [...saes.values()].map((sae) => sae.config)
  return {
    model: name,
    backend: ops.name,
    mode: ops.mode,
    layers: config.nLayers,
    heads: config.nHeads,
    dModel: config.dModel,
    dMlp: config.dMlp,
    nCtx: config.nCtx,
    saes: configs.map(({ hookName: hook, dSae }) => ({
      hook,
      layer: layerOf(hook),
      dSae,
      hints: hints[hook],
    })),
    basis:
      `features of the ${[...new Set(configs.map(describeBasis))].join('; ')}; ` +
      '<|endoftext|> before every text, its position without features',
  }
}

/** What a person should know of how this runs. */
function notes(ops: Backend, isolated: boolean): string[] {
  const found: string[] = []
  if (!isolated && (ops.name === 'wasm' || ops.name === 'gpujs:webasm'))
    found.push(
      'One thread: threads need shared memory, which browsers give to pages that are cross-origin isolated. ' +
        'The server of this page does not send the headers for it (Cross-Origin-Opener-Policy: same-origin, ' +
        'Cross-Origin-Embedder-Policy: require-corp).',
    )
  if (!canHash())
    found.push(
      'The files were checked by their length alone: browsers compute hashes on https and on loopback only.',
    )
  return found
}

/** Gives waiting messages their turn. A timer would take 4 ms each time; ops alone resolve without one. */
function messagesHandled(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
}
