// The tours' pages show what the tours print, and the lines of code they name are there.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { showWalk } from '../../experiments/tour/show.ts'
import { walkAttention } from '../../experiments/tour/attention.ts'
import { walkBack } from '../../experiments/tour/gradients.ts'
import { walk } from '../../experiments/tour/walk.ts'
import { runScript } from '../helpers/cli.ts'

const root = join(import.meta.dirname, '../..')
const ways = [
  { page: 'experiments/tour/README.md', mark: 'tour', args: [], stops: await walk() },
  {
    page: 'engine/ATTENTION.md',
    mark: 'attention',
    args: ['attention'],
    stops: await walkAttention(),
  },
  { page: 'engine/GRADIENTS.md', mark: 'gradients', args: ['gradients'], stops: await walkBack() },
]

const test = suite('tour')

for (const { page, mark, args, stops } of ways) {
  test(`${page} shows what it prints`, () => {
    const text = readFileSync(join(root, page), 'utf8')
    const block = new RegExp(`<!-- ${mark} -->\\n\\n\`\`\`\\n([^]*?)\\n?\`\`\`\\n\\n<!-- /${mark} -->`)
    const [, shown] = block.exec(text) ?? []
    assert.is(shown, showWalk(stops))
    assert.is(runScript('experiments/tour/main.ts', args).stdout, `${showWalk(stops)}\n`)
  })

  test(`${page}: each line of code stands in its file`, () => {
    for (const { file, code } of stops)
      assert.ok(readFileSync(join(root, file), 'utf8').includes(code), `${file}: ${code}`)
  })
}

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
