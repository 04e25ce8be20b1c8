// What the Explorer's page draws again for what: each section is drawn from its own part of what the page knows.
import { parseHTML } from 'linkedom'
import { h, options, render, type VNode } from 'preact'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readSources } from '../../experiments/explorer/build/sources.ts'
import type { Answer, Request } from '../../experiments/explorer/protocol.ts'
import { OPENED, toyRun } from '../helpers/explorer-run.ts'

const test = suite('explorer page: what is drawn again')

/** A worker that answers what the test has it answer. */
class ToldWorker extends EventTarget {
  static last: ToldWorker
  readonly asked: Request[] = []
  constructor() {
    super()
    ToldWorker.last = this
  }
  postMessage(request: Request): void {
    this.asked.push(request)
  }
  terminate(): void {}
}

/** Nothing comes into sight. */
class Unseeing {
  observe(): void {}
  disconnect(): void {}
}

const { document, HTMLElement, Event: DomEvent } = parseHTML('<main id="root"></main>')
Object.assign(globalThis, {
  ...{ document, HTMLElement, Worker: ToldWorker, addEventListener() {}, removeEventListener() {} },
  location: {
    hash: '#text=%20one%20two&other=one%20three&why=%2C&neuron=1-3',
    href: 'http://a/',
    search: '',
  },
  history: { replaceState() {}, pushState() {} },
  ...{ localStorage: { getItem: () => 'seen' }, getComputedStyle: () => ({ color: 'rgb(0, 0, 0)' }) },
  ...{ matchMedia: () => ({ matches: false, addEventListener() {}, removeEventListener() {} }) },
  ...{
    IntersectionObserver: Unseeing,
    requestAnimationFrame: setTimeout,
    cancelAnimationFrame: clearTimeout,
  },
})
const { App } = await import('../../experiments/explorer/page/app.ts')
const root = document.getElementById('root') as unknown as HTMLElement

/** How often each component has been drawn since the last look, by the name of its function. */
const drawn = new Map<string, number>()
const hooks = { ...options } // as preact's hooks set them
options.diffed = (node: VNode) => {
  hooks.diffed?.(node)
  const { type } = node
  if (typeof type === 'function') drawn.set(type.name, (drawn.get(type.name) ?? 0) + 1)
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50))

/** What is drawn when the worker has said this. */
async function drawnFor(answer: Answer): Promise<Map<string, number>> {
  drawn.clear()
  ToldWorker.last.dispatchEvent(Object.assign(new Event('message'), { data: answer }))
  await settled()
  return new Map(drawn)
}

/** The id of the last request of this type. */
const idOf = (type: Request['type']): number => {
  const request = ToldWorker.last.asked.findLast((one) => one.type === type)
  assert.ok(request && 'id' in request, `${type} was asked for`)
  return request.id
}

/** Of the sections with a context of their own, those that were drawn. */
const SECTIONS = ['NeuronPanel', 'TwoTexts', 'WhySection', 'WritingSection']
const sections = (all: ReadonlyMap<string, number>): string[] => SECTIONS.filter((name) => all.has(name))

test('a run draws every section; a written token, an explanation and a pair draw their own alone', async () => {
  render(h(App, { root, sources: await readSources() }), root)
  await settled()
  await drawnFor({ type: 'opened', opened: OPENED })
  const run = toyRun([' one', ' two'])
  const all = await drawnFor({ type: 'run', id: idOf('run'), run })
  assert.equal(sections(all), SECTIONS)

  const write = [...root.querySelectorAll('button')].find(({ textContent }) => textContent === 'Write')!
  write.dispatchEvent(new DomEvent('click'))
  await settled()
  const token = { id: 5, piece: ' a', shown: ' a' }
  const written = { type: 'written', id: idOf('write'), side: 'plain', token } as const
  assert.equal(sections(await drawnFor(written)), ['WritingSection'])
  assert.match(root.querySelector('.written')!.textContent, /a/)

  const failure = { kind: 'text', message: 'no', advice: 'another' } as const
  for (const [type, section] of [
    ['why', 'WhySection'],
    ['pair', 'TwoTexts'],
    ['neuron', 'NeuronPanel'],
  ] as const)
    assert.equal(sections(await drawnFor({ type: 'failed', id: idOf(type), failure })), [section])
})

test.run()
