// The tours' pages show what the tours print, and the lines of code they name are there.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { showWalk } from '../../experiments/tour/show.ts'
import type { Stop } from '../../experiments/tour/walk.ts'
import { runScript } from '../helpers/cli.ts'

const root = join(import.meta.dirname, '../..')
/** What the command gives, and the page that shows it. */
const ways = [
  { page: 'experiments/tour/README.md', mark: 'tour', way: 'forward' },
  { page: 'engine/ATTENTION.md', mark: 'attention', way: 'attention' },
  { page: 'experiments/tour/README.md', mark: 'neurons', way: 'neurons' },
  { page: 'engine/GRADIENTS.md', mark: 'gradients', way: 'gradients' },
].map((way) => {
  const { stdout } = runScript('experiments/tour/main.ts', [way.way, '--json'])
  return { ...way, stops: (JSON.parse(stdout) as { stops: Stop[] }).stops }
})

const test = suite('tour')

for (const { page, mark, way, stops } of ways) {
  test(`${page} shows what ${way} prints`, () => {
    const text = readFileSync(join(root, page), 'utf8')
    const block = new RegExp(`<!-- ${mark} -->\\n\\n\`\`\`\\n([^]*?)\\n?\`\`\`\\n\\n<!-- /${mark} -->`)
    const [, shown] = block.exec(text) ?? []
    assert.is(shown, showWalk(stops))
  })

  test(`${way}: each line of code stands in its file`, () => {
    for (const { file, code } of stops) {
      // A walk that quotes its own file must find more than the quotation.
      const source = readFileSync(join(root, file), 'utf8').replaceAll(`code: '${code}'`, '')
      assert.ok(source.includes(code), `${file}: ${code}`)
    }
  })
}

test('as text it is what the pages show', () => {
  const { stops } = ways.find(({ way }) => way === 'gradients')!
  assert.is(runScript('experiments/tour/main.ts', ['gradients']).stdout, `${showWalk(stops)}\n`)
})

test('WHY.md says of neurons and features what the tour measured', () => {
  const [tokens] = ways.find(({ way }) => way === 'neurons')!.stops
  const pure = (kind: string): string => {
    const found = Array.from(
      showWalk([tokens]).matchAll(new RegExp(`${kind} .* ([\\d.]+) % have`, 'g')),
      ([, share]) => Number(share),
    )
    assert.is(found.length, 3)
    return `${Math.min(...found)} to ${Math.max(...found)} %`
  }
  const why = readFileSync(join(root, 'gpt2/WHY.md'), 'utf8').replaceAll(/\s+/g, ' ')
  const sentence = `the same token for ${pure('features')} of an SAE's features, but for only ${pure('neurons')} of the neurons and ${pure('mixtures')} of random mixtures`
  assert.ok(why.includes(sentence), `gpt2/WHY.md does not say: ${sentence}`)
})

test('the picture has the tour’s numbers', () => {
  const picture = readFileSync(join(root, 'gpt2/stream.svg'), 'utf8').replaceAll(/<\/?tspan[^>]*>/g, '')
  const told = showWalk(ways[0].stops)
  const [, active, features] = /(\d+) of (\d+) features are active/.exec(told)!
  const [, strongest] = /feature (\d+), the strongest on "\("/.exec(told)!
  assert.ok(
    picture.includes(
      `${Number(features).toLocaleString('en')} features for 128 numbers, and only ${active} of them are active`,
    ),
  )
  const [, cells] = /<g fill="#ba2525">([^]*?)<\/g>/.exec(picture)!
  assert.is(cells.match(/<rect/g)!.length, Number(active))
  assert.ok(picture.includes(`Feature ${strongest} is the strongest`))
  const shares = new Map(
    Array.from(told.matchAll(/ +"(.+)" +([\d.]+ %)/g), ([, token, share]) => [token, share]),
  )
  for (const token of ['):', 'self']) assert.ok(picture.includes(`>${token} ${shares.get(token)}<`), token)
})

test.run()
