// What npm run first ends with: commands that a shell reads as they were meant.
import fc from 'fast-check'
import { spawnSync } from 'node:child_process'
import { Writable } from 'node:stream'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createBackend } from '../../engine/backends.ts'
import { print } from '../../experiments/lab/cli/print.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import { nextSteps } from '../../experiments/lab/report/next-steps.ts'

const ops = await createBackend('reference')
const model = await openModel('tiny', ops, { quiet: true })

/** What bash gives npm when these lines, as they are printed, are pasted: the arguments of each command. */
function pasted(lines: string): string[][] {
  let printed = ''
  print(lines, new Writable({ write: (chunk: Buffer, _, done) => ((printed += chunk.toString()), done()) }))
  const script = `npm() { printf '%s\\0' "$@"; printf '\\1'; }\n${printed.slice(printed.indexOf('\n') + 1)}`
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' })
  assert.equal([status, stderr], [0, ''], script)
  return stdout
    .split('\u0001')
    .slice(0, -1)
    .map((args) => args.split('\0').slice(0, -1))
}

const layer = (hook: string, ...features: number[]) => ({
  hook,
  strongest: features.map((feature) => ({ feature })),
})
const LAYERS = [0, 1, 2, 3, 4, 5].map((at) => layer(`blocks.${at}.hook_resid_pre`, 70 + at, 9))

const test = suite('what to try next')
test.after(() => ops.dispose())

test('the strongest feature of the middle layer, in three commands', () => {
  assert.equal(nextSteps(model, model.tokenize('def add('), LAYERS, { model: 'tiny' }).split('\n'), [
    'What to try next with feature 73 of layer 3:',
    'npm run feature -- --layer 3 --feature 73                # what else it fires on',
    'npm run attribute -- --text "def add("                   # what each feature does to the next token',
    'npm run generate -- --prompt "def add(" --edit off-3-73  # what the model writes without it',
  ])
})

test('pasted, they take the text as it was, and model and SAEs as they were given', () => {
  const special = fc.constantFrom(
    ...'\'"$`\\!%#~*& \t\n\r;()',
    '\u001b[31m',
    '\u202e',
    '\u200b',
    'é',
    '👩‍👧',
    '$(id)',
    '-',
  )
  const text = fc
    .oneof(
      fc.array(fc.oneof(special, fc.string()), { minLength: 1 }).map((all) => all.join('')),
      fc.string({ unit: 'binary' }),
    )
    .map((text) => text.toWellFormed().replaceAll('\0', '').slice(0, 60).toWellFormed())
    .filter((text) => text !== '' && !text.includes('\u0001'))
  fc.assert(
    fc.property(text, text, fc.option(text, { nil: undefined }), fc.boolean(), (text, name, saes, force) => {
      const steps = nextSteps(model, model.tokenize(text), LAYERS, { model: name, saes, force })
      const given = [
        '--model',
        name,
        ...(saes === undefined ? [] : ['--saes', saes]),
        ...(force ? ['--force'] : []),
      ]
      assert.equal(pasted(steps), [
        ['run', 'feature', '--', '--layer', '3', '--feature', '73', ...given],
        ['run', 'attribute', '--', '--text', text, ...given],
        ['run', 'generate', '--', '--prompt', text, '--edit', 'off-3-73', ...given],
      ])
    }),
    { numRuns: 150 },
  )
})

test('a layer without features, or whose SAE the commands would not read, is passed over', () => {
  const steps = (...layers: ReturnType<typeof layer>[]) =>
    nextSteps(model, model.tokenize('x'), layers, { model: 'tiny' })
  assert.match(
    steps(layer('blocks.1.hook_resid_pre', 5), layer('blocks.2.hook_resid_pre')),
    'feature 5 of layer 1:',
  )
  assert.match(
    steps(layer('blocks.1.hook_resid_pre', 5), layer('blocks.1.hook_mlp_out', 6)),
    'feature 5 of layer 1:',
  )
  assert.is(steps(layer('blocks.1.hook_resid_pre')), '')
})

test('of a text longer than the context, as much as the model reads at once', () => {
  const ids = model.tokenize(' a'.repeat(400), { anyLength: true })
  const [, [, , , , text]] = pasted(nextSteps(model, ids, LAYERS, { model: 'tiny' }))
  assert.is(text, ' a'.repeat(255))
})

test.run()
