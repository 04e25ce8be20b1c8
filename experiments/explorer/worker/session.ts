// What a worker does for the page: one request at a time, the newest run only.
import type { Backend } from '../../../engine/backend.ts'
import { createBackend } from '../../../engine/backends.ts'
import { describeBasis } from '../../../sae/config.ts'
import type { Answer, BackendChoice, Opened, Request } from '../protocol.ts'
import { cardReader } from './card.ts'
import { failureOf, Fault } from './fault.ts'
import { canHash, type ModelFiles } from './files.ts'
import { librarian } from './library.ts'
import { runText } from './run-text.ts'
import { loadModel, type Model } from './model.ts'
import { Writing } from './writing.ts'

/** What a worker knows when it starts. */
interface SessionOptions {
  /** The address of the page's folder. */
  readonly base: string
  readonly files: ModelFiles
  /** Whether the page may share memory between threads. */
  readonly isolated: boolean
  readonly send: (answer: Answer) => void
}

/** What a run or a search throws to itself when a newer one has come. */
const SUPERSEDED = new Error('a newer one came')

/** One worker's work: it opens a backend, then answers runs, cards and writings, one at a time, the newest run only. */
export class Session {
  readonly #options: SessionOptions
  #open:
    | { model: Model; readCard: ReturnType<typeof cardReader>; search: ReturnType<typeof librarian> }
    | undefined
  #runs = 0
  #searches = 0
  /** The id of the writing that is wanted, and the one there is. */
  #wanted: number | undefined
  #writing: Writing | undefined
  #queue: Promise<void> = Promise.resolve()

  constructor(options: SessionOptions) {
    this.#options = options
  }

  /** Resolves when the request is answered; a fault is an answer too. */
  handle(request: Request): Promise<void> {
    switch (request.type) {
      case 'open':
        return this.#answered(undefined, () => this.#start(request.backend))
      case 'card':
        return this.#answered(request.id, () => this.#card(request))
      case 'library': {
        const turn = ++this.#searches
        return this.#answered(request.id, () => this.#search(request, turn))
      }
      case 'run': {
        const turn = ++this.#runs
        this.#wanted = undefined
        return this.#answered(request.id, () => this.#run(request, turn))
      }
      case 'write':
        this.#wanted = request.id
        return this.#write(request)
      case 'stop':
        if (this.#writing?.id === request.id) this.#writing.stopped = true
        return Promise.resolve()
      case 'go-on':
        return this.#writeOn(request.id, request.tokens)
    }
  }

  /** Does `work` after all that was asked before it. */
  #answered(id: number | undefined, work: () => Promise<void>): Promise<void> {
    this.#queue = this.#queue.then(work).catch((error: unknown) => {
      if (error !== SUPERSEDED) this.#options.send({ type: 'failed', id, failure: failureOf(error) })
    })
    return this.#queue
  }

  async #start(choice: BackendChoice): Promise<void> {
    const { base, files, send, isolated } = this.#options
    const ops = await startBackend(choice)
    const model = await loadModel(ops, base, files, (label, done, total) =>
      send({ type: 'progress', label, done, total }),
    )
    this.#open = { model, readCard: cardReader(model, base, files), search: librarian(model, base, files) }
    send({
      type: 'opened',
      opened: { ...factsOf(model), corpus: files.corpus?.facts, notes: notes(ops, isolated) },
    })
  }

  async #card(request: Request & { type: 'card' }): Promise<void> {
    const card = await this.#opened().readCard(request)
    this.#options.send({ type: 'card', id: request.id, card })
  }

  async #search({ id, query }: Request & { type: 'library' }, turn: number): Promise<void> {
    await messagesHandled()
    if (turn !== this.#searches) throw SUPERSEDED
    const found = await this.#opened().search(query)
    this.#options.send({ type: 'library', id, found })
  }

  async #run(request: Request & { type: 'run' }, turn: number): Promise<void> {
    const { send } = this.#options
    const { id } = request
    const giveWay = async () => {
      await messagesHandled()
      if (turn !== this.#runs) throw SUPERSEDED
    }
    await giveWay()
    await this.#writing?.close()
    this.#writing = undefined
    const run = await runText(this.#opened().model, request, (done) => {
      send({ type: 'layer', id, done })
      return giveWay()
    })
    send({ type: 'run', id, run })
  }

  async #write({ id, text, edit, sampling }: Request & { type: 'write' }): Promise<void> {
    await this.#answered(id, async () => {
      await this.#writing?.close()
      this.#writing = undefined
      if (this.#wanted === id)
        this.#writing = await Writing.begin(id, this.#opened().model, text, edit, sampling)
    })
    await this.#writeOn(id, sampling.tokens)
  }

  /** Each token is a piece of work of its own: whatever is asked meanwhile has its turn before the next. */
  async #writeOn(id: number, tokens: number): Promise<void> {
    const writing = this.#writing
    if (writing?.id !== id) return
    writing.stopped = false
    let more = true
    for (let made = 0; more && made < tokens; made++) {
      more = false // unless the step says so: after a fault nothing goes on
      await this.#answered(id, async () => {
        await messagesHandled()
        if (this.#wanted === id && !writing.stopped)
          more = await writing.step((side, token) => this.#options.send({ type: 'written', id, side, token }))
      })
    }
    if (this.#wanted === id) this.#options.send({ type: 'paused', id, endings: writing.endings() })
  }

  #opened() {
    if (this.#open === undefined) throw new Error('the worker was asked before it was opened')
    return this.#open
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
  return {
    model: name,
    backend: ops.name,
    mode: ops.mode,
    config,
    saes: saes.map((sae, layer) => ({ dSae: sae.config.dSae, hints: hints[layer] })),
    basis:
      `features of the ${[...new Set(saes.map((sae) => describeBasis(sae.config)))].join('; ')}; ` +
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
