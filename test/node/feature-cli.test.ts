// `npm run feature` on the bundled model: its JSON, its files, and figures worked out again from the dense features.
import { csvParse } from 'd3-dsv'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBackend } from '../../engine/backends.ts'
import { toDense } from '../../engine/sparse.ts'
import { captureStreams, encodeStream } from '../../experiments/lab/models/features.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import type { FeatureDashboard } from '../../experiments/lab/analysis/features/feature-dashboard.ts'
import { isOneLine, runScript } from '../helpers/cli.ts'

interface Results {
  provenance: Record<string, string>
  features: FeatureDashboard[]
  texts: { category: string; text: string; tokens: number }[]
}

const folder = mkdtempSync(join(tmpdir(), 'feature-'))
const texts = join(folder, 'texts.json')
const categories = {
  Math: ['\\int_0^\\pi \\sin x dx = 2', 'x^2 + 1 = 0', '12 + 30 = 42'],
  Social: ['omg lol \u001b[31m', '<img src=x onerror=alert(1)>'],
}
writeFileSync(texts, JSON.stringify(categories))
const feature = (...args: string[]) => runScript('experiments/feature/main.ts', ['--texts', texts, ...args])

const command = suite('feature')
command.after(() => rmSync(folder, { recursive: true }))

command(
  'finds what the dense features of the model say, and writes it in three files a feature',
  async () => {
    const out = join(folder, 'out')
    const { status, stdout, stderr } = feature(
      '--layer',
      '3',
      '--feature',
      '12,40,12',
      '--out',
      out,
      '--json',
    )
    assert.equal([status, stderr], [0, ''])
    const { features, provenance } = JSON.parse(stdout) as Results
    assert.match(provenance.command, /^npm run feature -- --texts/)
    assert.equal(
      features.map(({ layer, feature, neuronpedia }) => [layer, feature, neuronpedia]),
      [
        [3, 12, null],
        [3, 40, null],
      ],
    )
    const ops = await createBackend()
    const model = await openModel('tiny', ops, { quiet: true })
    const ids = Object.values(categories)
      .flat()
      .map((text) => model.tokenize(text))
    const hook = 'blocks.3.hook_resid_pre'
    const stream = (await captureStreams(model.gpt2, ids, [hook])).get(hook)!
    const dense = toDense(await encodeStream(ops, await model.openSae(hook), stream))
    await ops.dispose()
    for (const figures of features) {
      let row = 0
      const columns = ids.map((text) =>
        text.map((_, token) => (token === 0 ? (row++, 0) : dense.row(row++)[figures.feature])),
      )
      const firing = columns.flat().filter((value) => value > 0)
      assert.is(figures.firing_tokens, firing.length)
      assert.is(figures.density, firing.length / (dense.shape[0] - ids.length))
      assert.is(figures.max ?? 0, Math.max(0, ...firing))
      const place = join(out, `3-${figures.feature}`)
      assert.equal(readdirSync(place).sort(), ['report.html', 'results.json', 'tokens.csv'])
      const alone = JSON.parse(readFileSync(join(place, 'results.json'), 'utf8')) as Results
      assert.equal(alone.features, [figures])
      const rows = csvParse(readFileSync(join(place, 'tokens.csv'), 'utf8'))
      assert.is(rows.length, firing.length)
      for (const { text_row, position, activation } of rows)
        assert.is(Number(activation), columns[Number(text_row)][Number(position)])
      assert.is(figures.next_layer?.layer, 4)
      assert.equal([figures.promoted.length, figures.suppressed.length, figures.nearest.length], [10, 10, 10])
    }
    assert.ok(features[0].firing_tokens > 0, 'the LaTeX feature fires on LaTeX')
  },
)

command(
  'the terminal shows a card a feature without colours, the last layer has no next, results are indexed',
  () => {
    const cwd = mkdtempSync(join(folder, 'cwd-'))
    const { status, stdout, stderr } = runScript(
      'experiments/feature/main.ts',
      ['--texts', texts, '--layer', '5', '--feature', '0,1'],
      cwd,
    )
    assert.equal([status, stderr], [0, ''])
    for (const part of [
      /Layer 5, feature 0( “.+”)?\n/,
      /Layer 5, feature 1( “.+”)?\n/,
      'promotes',
      'no layer follows',
      'report: file://',
    ])
      assert.match(stdout, part)
    assert.not.match(stdout, '\u001b')
    const page = readFileSync(join(cwd, 'results/feature/tiny/5-0/report.html'), 'utf8')
    for (const [, href] of page.matchAll(/href="(\.\.[^"]*)"/g))
      assert.ok(existsSync(join(cwd, 'results/feature/tiny/5-0', href)), href)
    assert.match(readFileSync(join(cwd, 'results/index.html'), 'utf8'), 'feature/tiny/5-1/report.html')
  },
)

const failures: [what: string, args: string[], status: number, message: RegExp][] = [
  [
    'a feature beyond the SAE',
    ['--layer', '3', '--feature', '5,1024'],
    1,
    /^error: there is no feature 1024: .* 0\.\.1023\n$/,
  ],
  [
    'a layer without an SAE',
    ['--layer', '9', '--feature', '5'],
    1,
    /^error: no SAE for layer 9 of tiny; it has SAEs for layers 0, 1/,
  ],
  [
    '--verbose, which would change nothing',
    ['--layer', '3', '--feature', '5', '--verbose'],
    2,
    /^error: unknown option '--verbose'\n/,
  ],
  ['no feature', ['--layer', '3'], 2, /required option '--feature <list>' not specified/],
  [
    'a feature that is no number',
    ['--layer', '3', '--feature', '1,x'],
    2,
    /expected a whole number from 0, got 'x'/,
  ],
]
for (const [what, args, status, message] of failures)
  command(`${what} exits ${status}`, () => {
    const ended = feature('--json', ...args)
    assert.equal([ended.status, ended.stdout], [status, ''])
    assert.match(ended.stderr, message)
    assert.ok(status === 2 || isOneLine(ended.stderr))
  })

command.run()
