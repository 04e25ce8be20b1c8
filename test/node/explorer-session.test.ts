import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeLink } from '../../experiments/explorer/page/link.ts'
import type { Change } from '../../experiments/lab/models/changes.ts'
import type { Answer, Sampling, Side } from '../../experiments/explorer/protocol.ts'
import { createBackend } from '../../engine/backends.ts'
import { Tensor } from '../../engine/tensor.ts'
import { openModel, type OpenModel } from '../../experiments/lab/models/models.ts'
import { generate } from '../../gpt2/generate.ts'
import { onHost, type HookTable } from '../../gpt2/hooks.ts'
import { decoderRows } from '../../sae/decoder.ts'
import { liveEdit } from '../../sae/edit.ts'
import { runScript } from '../helpers/cli.ts'
import { carried, startSession } from '../helpers/explorer.ts'

const open = { type: 'open', backend: { name: 'wasm', threads: 2 } } as const
const hook = 'blocks.3.hook_resid_pre'

/** What a session answers to `open` after something was done to its folder. */
async function failureAfter(harm: (folder: Map<string, Uint8Array>) => void) {
  const { folder, ask, of } = startSession()
  harm(folder)
  await ask(open)
  assert.is(of('opened').length, 0)
  const [{ id, failure }] = of('failed')
  assert.is(id, undefined)
  return failure
}

const opening = suite('explorer session: open')

opening('says what runs, after the progress of every byte', async () => {
  const { ask, of } = startSession()
  await ask(open)
  const [{ opened }] = of('opened')
  assert.is(opened.model, 'tiny')
  assert.is(opened.backend, 'wasm')
  assert.match(opened.mode, /^simd .*, 2 threads$/)
  const { nLayers, nHeads, dModel, dMlp, nCtx } = opened.config
  assert.equal([nLayers, nHeads, dModel, dMlp, nCtx], [6, 4, 128, 512, 256])
  assert.is(opened.saes.length, 6)
  const { hints, ...facts } = opened.saes[2]
  assert.equal(facts, { hook: 'blocks.2.hook_resid_pre', dSae: 1024 })
  assert.is(hints.length, 1024)
  assert.not.equal(hints, opened.saes[3].hints)
  assert.match(opened.basis, /residual stream minus its mean over d_model; .*<\|endoftext\|>/)
  assert.equal(opened.notes, [])
  const bytes = of('progress').filter(({ label }) => label === 'fetching the model')
  const last = bytes.at(-1)!
  const { files } = carried
  const total =
    files.hints.bytes + files.weights.bytes + files.saes.reduce((sum, { weights }) => sum + weights.bytes, 0)
  assert.equal([last.done, last.total], [total, total])
})

opening(
  'without isolation the page is told why there is one thread, for backends that have threads',
  async () => {
    const plain = startSession({ isolated: false })
    await plain.ask({ type: 'open', backend: { name: 'wasm', threads: 1 } })
    assert.match(
      plain.of('opened')[0].opened.notes.join(),
      /One thread: .*cross-origin isolated.*Cross-Origin-Embedder-Policy/,
    )
    const reference = startSession({ isolated: false })
    await reference.ask({ type: 'open', backend: { name: 'reference' } })
    assert.equal(reference.of('opened')[0].opened.notes, [])
  },
)

opening('without a secure context the page is told that no hash was computed', async () => {
  const { crypto } = globalThis
  const { ask, of } = startSession()
  try {
    Object.defineProperty(globalThis, 'crypto', { configurable: true, value: {} })
    await ask(open)
  } finally {
    Object.defineProperty(globalThis, 'crypto', { configurable: true, value: crypto })
  }
  assert.match(of('opened')[0].opened.notes.join(), /Only the lengths of the files were checked/)
})

opening('a backend that cannot run fails with its own reason, and no other runs', async () => {
  for (const [name, reason] of [
    ['gpujs:webgl2', /^gpujs:webgl2 cannot run here: there is no WebGL2 context.*\.$/],
    ['wasn', /^backend "wasn" is not known; the backends are wasm, /],
  ] as const) {
    const { ask, of } = startSession()
    await ask({ type: 'open', backend: { name } })
    assert.is(of('opened').length, 0)
    assert.is(of('failed')[0].failure.kind, 'start')
    assert.match(of('failed')[0].failure.message, reason)
  }
})

opening('memory that is refused is called so', async () => {
  const { Memory } = WebAssembly
  const { ask, of } = startSession()
  try {
    WebAssembly.Memory = class extends Memory {
      constructor(wanted: WebAssembly.MemoryDescriptor) {
        // as V8 refuses it
        if (wanted.maximum! > 1000) throw new RangeError('WebAssembly.Memory(): could not allocate memory')
        super(wanted)
      }
    }
    await ask(open)
  } finally {
    WebAssembly.Memory = Memory
  }
  assert.is(of('failed')[0].failure.kind, 'memory')
  assert.match(of('failed')[0].failure.message, /gives no more memory: .*could not allocate/)
  assert.match(of('failed')[0].failure.advice, /Close other tabs/)
})

const { weights } = carried.files
const sae = carried.files.saes[4].weights

opening('a file that is missing is named, with what the server said', async () => {
  const { kind, message, advice } = await failureAfter((folder) => folder.delete(weights.path))
  assert.is(kind, 'weights')
  assert.is(message, `${weights.path}: the server answered 404 instead of the file.`)
  assert.match(advice, /Reload this page/)
})

opening(
  'a file that is too short, too long or damaged is named, with what was expected and found',
  async () => {
    const short = await failureAfter((folder) =>
      folder.set(sae.path, folder.get(sae.path)!.subarray(0, 1000)),
    )
    assert.is(
      short.message,
      `${sae.path} is not as it should be: expected ${sae.bytes} bytes, found 1000 bytes.`,
    )
    const long = await failureAfter((folder) => folder.set(sae.path, new Uint8Array(sae.bytes + 1)))
    assert.match(long.message, /expected 526888 bytes, found more than 526888 bytes\.$/)
    const damaged = await failureAfter((folder) => {
      const content = Uint8Array.from(folder.get(sae.path)!)
      content[500_000] ^= 1
      folder.set(sae.path, content)
    })
    assert.is(damaged.kind, 'weights')
    assert.match(
      damaged.message,
      new RegExp(`^${sae.path} is damaged: expected SHA-256 ${sae.sha256}, found [0-9a-f]{64}\\.$`),
    )
  },
)

/** While `work` runs, `holder` lacks a name, as in an older browser. */
async function without<T>(holder: object, name: string, work: () => Promise<T>): Promise<T> {
  const had = Object.getOwnPropertyDescriptor(holder, name)!
  Reflect.deleteProperty(holder, name)
  try {
    return await work()
  } finally {
    Object.defineProperty(holder, name, had)
  }
}

opening('a browser without Float16Array reads the weights all the same', async () => {
  const { ask, of } = startSession()
  await without(globalThis, 'Float16Array', () => ask(open))
  assert.equal(of('failed'), [])
  assert.is(of('opened').length, 1)
})

opening('a fault of the program while weights are read is not blamed on the files', async () => {
  const { ask, of } = startSession()
  await without(DataView.prototype, 'getBigUint64', () => ask(open))
  const [{ failure }] = of('failed')
  assert.is(failure.kind, 'internal')
  assert.match(failure.message, /getBigUint64/)
  assert.not.match(failure.advice, /server/)
})

opening('a connection that fails, at once or midway, is named', async () => {
  const { fetch } = globalThis
  const breaking = async (answer: () => Promise<Response>) => {
    const { of, session } = startSession()
    globalThis.fetch = answer
    try {
      await session.handle(open)
    } finally {
      globalThis.fetch = fetch
    }
    return of('failed')[0].failure
  }
  const refused = await breaking(async () => Promise.reject(new TypeError('Failed to fetch')))
  assert.match(refused.message, /^files\/.* cannot be fetched: Failed to fetch\.$/)
  assert.match(refused.advice, /server still runs/)
  const cut = await breaking(async () => {
    let sent = false
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent) controller.error(new TypeError('network error'))
        else controller.enqueue(new Uint8Array(100))
        sent = true
      },
    })
    return new Response(body)
  })
  assert.match(cut.message, /found a connection that broke after 100\.$/)
})

opening.run()

const runs = suite('explorer session: runs and cards')

runs('the answers to a run come in order: six layers, then the run', async () => {
  const { ask, of, answers } = startSession()
  await ask(open)
  const before = answers.length
  await ask({ type: 'run', id: 7, text: 'Hello world', edit: [] })
  const parts = answers.slice(before)
  assert.equal(
    parts.map(({ type }) => type),
    [...Array.from({ length: 6 }, () => 'layer'), 'run'],
  )
  assert.ok(parts.every((part) => 'id' in part && part.id === 7))
  assert.equal(
    of('layer').map(({ done }) => done),
    [0, 1, 2, 3, 4, 5],
  )
  const [{ run }] = of('run')
  assert.ok(run.ms.total > 0 && run.ms.edited === 0)
  assert.equal([run.text, run.layers.length, run.tokens.length], ['Hello world', 6, 5])
})

runs('a newer run takes the place of those before it, waiting or at work; they get no answer', async () => {
  const asked: Promise<void>[] = []
  const onAnswer = (answer: Answer): void => {
    if (answer.type !== 'layer' || answer.id !== 2 || answer.done !== 2) return
    asked.push(session.ask({ type: 'run', id: 3, text: 'three', edit: [] }))
    asked.push(session.ask({ type: 'run', id: 4, text: 'four', edit: [] }))
  }
  const session = startSession({ onAnswer })
  const { ask, of, answers } = session
  await ask(open)
  asked.push(
    ask({ type: 'run', id: 1, text: 'one', edit: [] }),
    ask({ type: 'run', id: 2, text: 'two', edit: [] }),
  )
  await Promise.all(asked)
  await Promise.all(asked)
  assert.equal(
    of('run').map(({ id }) => id),
    [4],
  )
  assert.equal([...new Set(of('layer').map(({ id }) => id))], [2, 4])
  assert.equal(
    of('layer')
      .filter(({ id }) => id === 2)
      .map(({ done }) => done),
    [0, 1, 2],
  )
  assert.is(of('failed').length, 0)
  assert.is(answers.at(-1)!.type, 'run')
})

runs('an edited pass is given up too', async () => {
  let asked: Promise<void> | undefined
  const onAnswer = (answer: Answer): void => {
    // with all six layers read the first run is in its second pass
    if (answer.type === 'layer' && answer.id === 1 && answer.done === 6 && asked === undefined)
      asked = session.ask({ type: 'run', id: 2, text: 'two', edit: [] })
  }
  const session = startSession({ onAnswer })
  await session.ask(open)
  await session.ask({
    type: 'run',
    id: 1,
    text: 'one',
    edit: [{ layer: 3, feature: 1, kind: 'up', coefficient: 3 }],
  })
  await asked
  assert.equal(
    session.of('run').map(({ id }) => id),
    [2],
  )
})

runs('a text that is too long is refused with its tokens and the limit; the worker goes on', async () => {
  const { ask, of } = startSession()
  await ask(open)
  await ask({ type: 'run', id: 1, text: 'a b '.repeat(200), edit: [] })
  await ask({ type: 'run', id: 2, text: 'x'.repeat(1_000_000), edit: [] })
  await ask({ type: 'run', id: 3, text: 'ok', edit: [] })
  const [first, second] = of('failed')
  assert.is(first.id, 1)
  assert.is(first.failure.kind, 'text')
  assert.match(first.failure.message, /^The text has \d{3} tokens; the model reads at most 255\.$/)
  assert.is(second.failure.message, 'The text has more than 255 tokens; the model reads at most 255.')
  assert.equal(
    of('run').map(({ id }) => id),
    [3],
  )
})

runs('a text of exactly as many tokens as there are positions is read', async () => {
  const { ask, of } = startSession()
  await ask(open)
  await ask({ type: 'run', id: 1, text: ' a'.repeat(255), edit: [] })
  assert.is(of('run')[0].run.tokens.length, 256)
  await ask({ type: 'run', id: 2, text: ' a'.repeat(256), edit: [] })
  assert.match(of('failed')[0].failure.message, /has 256 tokens; the model reads at most 255/)
})

runs('a feature, SAE, head or neuron that there is not is named, for edits and cards', async () => {
  const { ask, of } = startSession()
  await ask(open)
  await ask({ type: 'run', id: 1, text: 'x', edit: [{ layer: 3, feature: 1024, kind: 'off' }] })
  await ask({ type: 'card', id: 2, layer: 6, feature: 0 })
  await ask({ type: 'card', id: 3, layer: 3, feature: -1 })
  const failures = of('failed').map(({ id, failure: { kind, message, advice } }) => [
    id,
    kind,
    message,
    advice,
  ])
  assert.equal(failures[0], [
    1,
    'edit',
    `The SAE at ${hook} has no feature 1024.`,
    'It has features 0 to 1023.',
  ])
  assert.equal(failures[1].slice(0, 3), [2, 'card', 'There is no SAE at layer 6.'])
  assert.is(failures[1][3], 'There are SAEs at these layers: 0, 1, 2, 3, 4, 5.')
  assert.equal(failures[2].slice(0, 3), [3, 'card', `The SAE at ${hook} has no feature -1.`])
  await ask({ type: 'run', id: 4, text: 'x', edit: [{ kind: 'head', layer: 5, head: 4 }] })
  await ask({ type: 'run', id: 5, text: 'x', edit: [{ kind: 'neuron', layer: 6, neuron: 0 }] })
  assert.equal(
    of('failed')
      .slice(3)
      .map(({ failure: { kind, message, advice } }) => [kind, message, advice]),
    [
      ['edit', 'Layer 5 has no head 4.', 'It has heads 0 to 3.'],
      ['edit', 'There is no layer 6.', 'There are layers 0 to 5.'],
    ],
  )
})

runs('a card whose file is missing fails by its name; once the file is back, it is read', async () => {
  const { folder, ask, of } = startSession()
  await ask(open)
  const { path } = carried.files.saes[3].activations
  folder.delete(path)
  await ask({ type: 'card', id: 1, layer: 3, feature: 5 })
  assert.is(of('failed')[0].failure.message, `${path}: the server answered 404 instead of the file.`)
  folder.set(path, carried.contents.get(path)!)
  await ask({ type: 'card', id: 2, layer: 3, feature: 5 })
  assert.is(of('card')[0].card.dashboard.feature, 5)
})

runs('what should not happen is called a fault of the program', async () => {
  const { ask, of } = startSession()
  await ask({ type: 'run', id: 1, text: 'x', edit: [] })
  const { kind, message, advice } = of('failed')[0].failure
  assert.is(kind, 'internal')
  assert.match(message, /asked before it was opened/)
  assert.match(advice, /report it/)
})

runs.run()

const writings = suite('explorer session: writing')

const USUAL: Sampling = { temperature: 0.8, topK: 20, topP: 0.95, seed: 7, tokens: 24 }
const PROMPT = 'def area(r):'
const EDIT: Change[] = [
  { kind: 'up', layer: 3, feature: 7, coefficient: 30 },
  { kind: 'head', layer: 1, head: 2 },
]

/** What was written on a side. */
const sideOf = ({ of }: ReturnType<typeof startSession>, side: Side) =>
  of('written').filter((answer) => answer.side === side)

const write = { type: 'write', id: 1, text: PROMPT, edit: EDIT, sampling: USUAL } as const

/** What npm run generate writes with hooks, or without. */
async function generated(sampling: Sampling, hooks: (model: OpenModel) => Promise<HookTable>) {
  const ops = await createBackend('wasm', { threads: 2 })
  try {
    const model = await openModel('tiny', ops, { quiet: true })
    const { tokens, topK, ...rest } = sampling
    const options = { ...rest, topK: topK ?? undefined, hooks: await hooks(model) }
    return await Array.fromAsync(generate(model.gpt2, model.tokenize(PROMPT), tokens, options))
  } finally {
    await ops.dispose()
  }
}

writings(
  'each side is what generate writes with the same seed, as it is and with the same hooks',
  async () => {
    const session = startSession()
    await session.ask(open)
    await session.ask(write)
    const plain = await generated(USUAL, async () => ({}))
    assert.equal(
      sideOf(session, 'plain').map(({ token }) => token.id),
      plain,
    )
    const edited = await generated(USUAL, async (model) => {
      const sae = await model.openSae(hook)
      const direction = (await decoderRows(sae, [7])).row(0)
      return {
        ...liveEdit(sae, 7, direction, { kind: 'up', coefficient: 30 }),
        'blocks.1.attn.hook_z': onHost(({ shape, data }) => {
          const [, heads, dHead] = shape
          return new Tensor(
            shape,
            data.map((value, i) => (Math.floor(i / dHead) % heads === 2 ? 0 : value)),
          )
        }),
      }
    })
    assert.equal(
      sideOf(session, 'edited').map(({ token }) => token.id),
      edited,
    )
    assert.not.equal(edited, plain)
    const text = sideOf(session, 'plain').map(({ token }) => token.piece)
    assert.ok(text.join('').length >= plain.length / 2)
    assert.equal(
      session.of('paused').map(({ id }) => id),
      [1],
    )
  },
)

writings('npm run generate -- --edit writes the same, given the changes as a link has them', async () => {
  const edit = 'off-3-74,scale-2-685-2.5,up-1-988-3,neuron-2-7,head-0-1'
  const session = startSession()
  await session.ask(open)
  await session.ask({ ...write, edit: decodeLink(`edit=${edit}`).link.edit })
  const { status, stdout, stderr } = runScript('experiments/tools/generate/main.ts', [
    ...['--prompt', PROMPT, '--tokens', '24', '--temperature', '0.8', '--top-k', '20', '--top-p', '0.95'],
    ...['--seed', '7', '--edit', edit, '--json'],
  ])
  assert.is(status, 0, stderr)
  const made = JSON.parse(stdout) as { ids: number[]; edit: string[]; edited: { ids: number[] } }
  assert.is(made.edit.join(), edit)
  for (const [side, ids] of [['plain', made.ids] as const, ['edited', made.edited.ids] as const])
    assert.equal(
      sideOf(session, side).map(({ token }) => token.id),
      ids,
      side,
    )
  assert.not.equal(made.edited.ids, made.ids)
})

writings('the sides come token by token, in turn; without an edit there is one', async () => {
  const session = startSession()
  await session.ask(open)
  await session.ask({ ...write, sampling: { ...USUAL, tokens: 3 } })
  const sides = session.of('written').map(({ side }) => side)
  assert.equal(sides, ['plain', 'edited', 'plain', 'edited', 'plain', 'edited'])
  await session.ask({ ...write, id: 2, edit: [], sampling: { ...USUAL, tokens: 3 } })
  assert.equal(
    session
      .of('written')
      .slice(6)
      .map(({ side }) => side),
    ['plain', 'plain', 'plain'],
  )
  assert.equal(session.of('paused')[1].endings, { plain: null })
})

writings('stopped and told to go on, it writes the same text', async () => {
  const whole = startSession()
  await whole.ask(open)
  await whole.ask(write)
  const asked: Promise<void>[] = []
  const session = startSession({
    onAnswer(answer) {
      if (answer.type === 'written' && answer.side === 'edited' && session.of('written').length === 10)
        asked.push(session.ask({ type: 'stop', id: 1 }))
    },
  })
  await session.ask(open)
  await session.ask(write)
  await Promise.all(asked)
  assert.is(session.of('written').length, 10)
  assert.equal(session.of('paused'), [{ type: 'paused', id: 1, endings: { plain: null, edited: null } }])
  await session.ask({ type: 'go-on', id: 1, tokens: 19 })
  assert.equal(session.of('written'), whole.of('written'))
})

writings('stopped before it has begun, it writes nothing until told to go on', async () => {
  const session = startSession()
  const opening = session.ask(open)
  const writing = session.ask(write)
  await Promise.all([opening, writing, session.ask({ type: 'stop', id: 1 })])
  assert.is(session.of('written').length, 0)
  assert.equal(session.of('paused'), [{ type: 'paused', id: 1, endings: { plain: null, edited: null } }])
  await session.ask({ type: 'go-on', id: 1, tokens: 2 })
  assert.is(session.of('written').length, 4)
})

writings('a newer run or writing ends it, a card has its turn between two tokens', async () => {
  const asked: Promise<void>[] = []
  const session = startSession({
    onAnswer(answer) {
      if (answer.type !== 'written' || answer.side !== 'edited') return
      const { length } = session.of('written')
      if (answer.id === 1 && length === 4)
        asked.push(session.ask({ type: 'card', id: 9, layer: 3, feature: 5 }))
      if (answer.id === 1 && length === 8) asked.push(session.ask({ ...write, id: 2 }))
      if (answer.id === 2 && length === 12)
        asked.push(session.ask({ type: 'run', id: 3, text: 'x', edit: [] }))
    },
  })
  await session.ask(open)
  await session.ask(write)
  while (asked.length > 0) await asked.shift()
  assert.equal(
    session.of('written').map(({ id }) => id),
    [...Array<number>(8).fill(1), ...Array<number>(4).fill(2)],
  )
  const types = session.answers.map(({ type }) => type)
  assert.ok(types.indexOf('card') < types.lastIndexOf('written'))
  assert.equal(session.of('paused'), [])
  assert.is(session.of('run').length, 1)
  await session.ask({ type: 'go-on', id: 2, tokens: 3 })
  assert.is(session.of('written').length, 12)
})

writings('where the positions end it says so; it cannot go on', async () => {
  const session = startSession()
  await session.ask(open)
  const sampling = { ...USUAL, temperature: 0, tokens: 9 }
  await session.ask({ ...write, text: ' a'.repeat(252), edit: [], sampling })
  assert.is(session.of('written').length, 4) // the last one is told, but could not be read
  assert.equal(session.of('paused')[0].endings, { plain: 'full' })
})

writings('a text that is too long, or a head that there is not, is a fault under its id', async () => {
  const session = startSession()
  await session.ask(open)
  await session.ask({ ...write, text: ' a'.repeat(256) })
  await session.ask({ ...write, id: 2, edit: [{ kind: 'head', layer: 0, head: 9 }] })
  assert.equal(
    session.of('failed').map(({ id, failure }) => [id, failure.kind]),
    [
      [1, 'text'],
      [2, 'edit'],
    ],
  )
  assert.equal(session.of('written'), [])
})

writings.run()
