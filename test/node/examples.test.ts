// The examples do what they say, on the package's surface alone, and the README shows what they print.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { runScript } from '../helpers/cli.ts'

const root = join(import.meta.dirname, '../..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const files = globSync('experiments/examples/*.ts', { cwd: root })
const folder = mkdtempSync(join(tmpdir(), 'examples-'))

/** What an example prints, line by line. */
function lines(example: string, ...args: readonly string[]): string[] {
  const { stdout, stderr, status } = runScript(`experiments/examples/${example}.ts`, args)
  assert.is(status, 0, stderr)
  assert.is(stderr, '')
  return stdout.trimEnd().split('\n')
}

const test = suite('examples')
test.after(() => rmSync(folder, { recursive: true }))

test('each is short, in the README, and imports the package and Node alone', () => {
  assert.is(files.length, 7)
  for (const file of files) {
    const source = readFileSync(join(root, file), 'utf8')
    assert.ok(source.split('\n').length < 60, file)
    assert.ok(readme.includes(`[${basename(file, '.ts')}](${file})`), `the README links to ${file}`)
    for (const [, from] of source.matchAll(/ from '([^']+)'/g)) assert.match(from, /^(clearbox$|node:)/, file)
  }
})

test('the logit lens has one line per layer and one for the end, and prints what the README shows', () => {
  const said = lines('logit-lens', 'for i in')
  assert.is(said.length, 7)
  const [, block] = /<!-- lens-output -->\s*```\n\$ node \S+ "for i in"\n([^]*?)\n```/.exec(readme) ?? []
  assert.equal(said, block?.split('\n'))
})

test('head ablation has one number per head', () => {
  const [all, ...layers] = lines('head-ablation')
  assert.is(all, '" range" before " the" after "for i in": 7.54')
  assert.is(layers.length, 6)
  for (const line of layers) assert.match(line, /^layer \d( +-?\d+\.\d\d){4}$/)
  assert.ok(layers.some((line) => /-[23]\.\d\d/.test(line)))
})

test('direct attribution has one line per layer, whose attention is that of its heads and a bias', () => {
  const [all, ...layers] = lines('direct-attribution')
  assert.is(all, '" range" is 13.49 above the mean of all logits')
  assert.is(layers.length, 6)
  for (const line of layers)
    assert.match(line, /^layer \d  attention +-?\d\.\d\d  heads( +-?\d\.\d\d){4}  mlp +-?\d\.\d\d$/)
})

test('steering writes another text, and the plain one without', () => {
  const [plain, steered] = lines('steering')
  const prompt = ['--prompt', 'We have', '--temperature', '0', '--tokens', '24', '--json']
  const { stdout } = runScript('experiments/tools/generate/main.ts', prompt)
  const { text } = JSON.parse(stdout) as { text: string }
  assert.is(plain, `0 x feature 928: ${JSON.stringify(`We have${text}`)}`)
  assert.match(steered, /√/)
  assert.not.match(plain, /√/)
})

test('a feature’s mean has a line for each category of a CSV', () => {
  const csv = join(folder, 'mine.csv')
  writeFileSync(csv, 'category,text\nsums,∑ x² ≤ √(a + b)\nsums,∫ f(x) dx = 0\ntalk,"Well, see you"\n')
  const [sums, talk, ...rest] = lines('feature-mean', '928', csv).map((line) => line.split(/ +/))
  assert.equal(rest, [])
  assert.equal([sums[0], sums[2], talk[0], talk[2]], ['sums', '(2', 'talk', '(1'])
  assert.equal([sums[1], talk[1]], ['0.5550', '0.0000'])
})

test('activations written for Python are read back, and change what the model says only if they changed', () => {
  const [before, after] = [join(folder, 'stream.safetensors'), join(folder, 'zeros.safetensors')]
  assert.equal(lines('with-python', 'write', before), [`stream [9, 128] -> ${before}`])
  const [same] = lines('with-python', 'read', before)
  const bytes = readFileSync(before)
  writeFileSync(after, bytes.fill(0, bytes.length - 4 * 9 * 128))
  const [changed] = lines('with-python', 'read', after)
  assert.match(same, /^next: "\\n" "<\|endoftext\|>" "\):" /) // as the lens says at the end of the same text
  assert.is.not(changed, same)
  assert.is(runScript('experiments/examples/with-python.ts', []).status, 1)
})

test('an SAE of one’s own is read from its folder and measured', () => {
  const [features, loss] = lines('own-sae', 'sae/tiny/blocks.5.hook_resid_pre')
  assert.match(features, /^blocks\.5\.hook_resid_pre: 1024 features, \d+\.\d active on a token$/)
  const [, clean, spliced] = /^loss (\S+), from the reconstruction (\S+)$/.exec(loss) ?? []
  assert.ok(Number(clean) < Number(spliced), loss)
})

test.run()
