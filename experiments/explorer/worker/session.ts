// What a worker does for the page: one request at a time, and only the newest run.
import type { Backend } from '../../../engine/backend.ts'
import { createBackend } from '../../../engine/backends.ts'
import { describeBasis } from '../../../sae/config.ts'
import type { Change } from '../../lab/models/changes.ts'
import type { Answer, BackendChoice, Opened, Request } from '../protocol.ts'
import { cardReader } from './card.ts'
import { failureOf, Fault } from './fault.ts'
import { canHash, type ModelFiles } from './files.ts'
import { librarian } from './library.ts'
import { readPair } from './pair.ts'
import { patchRows } from './patch.ts'
import { runText } from './run-text.ts'
import { loadFolder } from './load-folder.ts'
import { loadModel, type Model, type OnProgress } from './model.ts'
import { readNeuron } from './neuron.ts'
import { explainToken, explainWithout } from './why.ts'
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
  /** The text of the run requested last: pairs and patches belong to one text. */
  #text: string | undefined
  #pairs = 0
  #patches = 0
  /** Counts what ends an explanation: a newer one, or a run. */
  #whys = 0
  #searches = 0
  /** The id of the wanted continuation, and the continuation there is. */
  #wanted: number | undefined
  #writing: Writing | undefined
  /** The id of the continuation that was told to stop, perhaps before it began. */
  #stopped: number | undefined
  #queue: Promise<void> = Promise.resolve()

  constructor(options: SessionOptions) {
    this.#options = options
  }

  /** Resolves when the request is answered; a fault is an answer too. */
  handle(request: Request): Promise<void> {
    switch (request.type) {
      case 'open':
        return this.#answered(undefined, () => this.#start(request))
      case 'card':
        return this.#answered(request.id, () => this.#card(request))
      case 'neuron': {
        const turn = this.#runs
        return this.#answered(request.id, () => this.#neuron(request, turn))
      }
      case 'library': {
        const turn = ++this.#searches
        return this.#answered(request.id, () => this.#search(request, turn))
      }
      case 'run': {
        const turn = ++this.#runs
        this.#whys++
        this.#wanted = undefined
        if (request.text !== this.#text) this.#endPairs()
        this.#text = request.text
        return this.#answered(request.id, () => this.#run(request, turn))
      }
      case 'pair': {
        const turn = this.#endPairs()
        return this.#answered(request.id, () => this.#pair(request, turn))
      }
      case 'patch':
        return this.#patch(request, ++this.#patches)
      case 'why': {
        const turn = ++this.#whys
        return this.#answered(request.id, () => this.#why(request, turn))
      }
      case 'without': {
        const turn = this.#whys
        return this.#answered(request.id, () => this.#without(request, turn))
      }
      case 'write':
        this.#wanted = request.id
        return this.#write(request)
      case 'stop':
        this.#stopped = request.id
        return Promise.resolve()
      case 'go-on':
        this.#stopped = undefined
        return this.#writeOn(request.id, request.tokens)
    }
  }

  /** Does `work` after everything that was requested before it. */
  #answered(id: number | undefined, work: () => Promise<void>): Promise<void> {
    this.#queue = this.#queue.then(work).catch((error: unknown) => {
      if (error !== SUPERSEDED) this.#options.send({ type: 'failed', id, failure: failureOf(error) })
    })
    return this.#queue
  }

  async #start({ backend, folder }: Request & { type: 'open' }): Promise<void> {
    const { base, send, isolated } = this.#options
    const ops = await startBackend(backend)
    const onProgress: OnProgress = (label, done, total) => send({ type: 'progress', label, done, total })
    const bundled = folder === undefined
    // What was counted with the bundled SAEs says nothing about others.
    const files = { ...this.#options.files, ...(bundled ? {} : { corpus: undefined }) }
    const { model, notes } = bundled
      ? { model: await loadModel(ops, base, files, onProgress), notes: [] }
      : await loadFolder(ops, folder, onProgress)
    const readCard = cardReader(model, base, files, bundled ? undefined : onProgress)
    this.#open = { model, readCard, search: librarian(model, base, files) }
    const opened = {
      ...factsOf(model),
      bundled,
      corpus: files.corpus?.facts,
      notes: [...notes, ...notesOn(ops, isolated)],
    }
    send({ type: 'opened', opened })
  }

  async #card(request: Request & { type: 'card' }): Promise<void> {
    const card = await this.#opened().readCard(request)
    this.#options.send({ type: 'card', id: request.id, card })
  }

  async #neuron(request: Request & { type: 'neuron' }, turn: number): Promise<void> {
    await this.#giveWayWhen(() => turn !== this.#runs)()
    const card = await readNeuron(this.#opened().model, request.text, request)
    this.#options.send({ type: 'neuron', id: request.id, card })
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
    const giveWay = this.#giveWayWhen(() => turn !== this.#runs)
    await giveWay()
    await this.#writing?.close()
    this.#writing = undefined
    const run = await runText(this.#opened().model, request, (done) => {
      send({ type: 'layer', id, done })
      return giveWay()
    })
    send({ type: 'run', id, run })
  }

  /** -> the turn of the pair that may follow */
  #endPairs(): number {
    this.#patches++
    return ++this.#pairs
  }

  async #pair(request: Request & { type: 'pair' }, turn: number): Promise<void> {
    const giveWay = this.#giveWayWhen(() => turn !== this.#pairs)
    await giveWay()
    const pair = await readPair(this.#opened().model, request, giveWay)
    this.#options.send({ type: 'pair', id: request.id, pair })
  }

  /** Each row is a piece of work of its own, as each token of a writing is. */
  async #patch(request: Request & { type: 'patch' }, turn: number): Promise<void> {
    const { id } = request
    const giveWay = this.#giveWayWhen(() => turn !== this.#patches)
    let rows: ReturnType<typeof patchRows> | undefined
    for (let more = true; more;) {
      more = false // unless a row follows: after a fault nothing goes on
      await this.#answered(id, async () => {
        await giveWay()
        rows ??= patchRows(this.#opened().model, request, giveWay)
        const { value } = await rows.next()
        if (!value) return
        more = true
        if ('places' in value) this.#options.send({ type: 'patching', id, patching: value })
        else this.#options.send({ type: 'patched', id, row: value })
      })
    }
  }

  async #why(request: Request & { type: 'why' }, turn: number): Promise<void> {
    const giveWay = this.#giveWayWhen(() => turn !== this.#whys)
    await giveWay()
    const why = await explainToken(this.#opened().model, request, giveWay)
    await giveWay()
    this.#options.send({ type: 'why', id: request.id, why })
  }

  async #without(request: Request & { type: 'without' }, turn: number): Promise<void> {
    const { id, changes } = request
    const tell = (change: Change, loss: number) => this.#options.send({ type: 'without', id, change, loss })
    await explainWithout(
      this.#opened().model,
      request,
      changes,
      tell,
      this.#giveWayWhen(() => turn !== this.#whys),
    )
  }

  /** Lets other requests have their turn, and gives up the work once it is no longer wanted. */
  #giveWayWhen(superseded: () => boolean): () => Promise<void> {
    return async () => {
      await messagesHandled()
      if (superseded()) throw SUPERSEDED
    }
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

  /** Each token is a piece of work of its own: other requests have their turn before the next. */
  async #writeOn(id: number, tokens: number): Promise<void> {
    const writing = this.#writing
    if (writing?.id !== id) return
    let more = true
    for (let made = 0; more && made < tokens; made++) {
      more = false // unless the step says so: after a fault nothing goes on
      await this.#answered(id, async () => {
        await messagesHandled()
        if (this.#wanted === id && this.#stopped !== id)
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

function factsOf({ name, gpt2, saes, hints }: Model): Omit<Opened, 'bundled' | 'notes'> {
  const { config, ops } = gpt2
  const bases = new Set(saes.flatMap((sae) => (sae ? [describeBasis(sae.config)] : [])))
  return {
    model: name,
    backend: ops.name,
    mode: ops.mode,
    config,
    saes: saes.map((sae, layer) => ({
      hook: sae?.config.hookName ?? '',
      dSae: sae?.config.dSae ?? 0,
      hints: hints[layer],
    })),
    basis:
      bases.size === 0
        ? 'no SAEs, and so no features'
        : `features of the ${[...bases].join('; ')}; <|endoftext|> before every text, its position without features`,
  }
}

/** What people should know about how this runs. */
function notesOn(ops: Backend, isolated: boolean): string[] {
  const found: string[] = []
  if (!isolated && (ops.name === 'wasm' || ops.name === 'gpujs:webasm'))
    found.push(
      'One thread: threads need shared memory, which browsers give to pages that are cross-origin isolated. ' +
        'The server of this page does not send the headers for it (Cross-Origin-Opener-Policy: same-origin, ' +
        'Cross-Origin-Embedder-Policy: require-corp).',
    )
  if (!canHash())
    found.push(
      'Only the lengths of the files were checked: browsers compute hashes only on https and on loopback.',
    )
  return found
}

/** Gives waiting messages their turn. A timer would take 4 ms each time; ops resolve without letting messages in. */
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
