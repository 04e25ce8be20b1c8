// The exercises check what they say: a solution passes, a starter does not, and each mistake is told by its name.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { EXERCISES } from '../../experiments/exercises/all.ts'
import { BREAKS } from '../../experiments/exercises/breaks.ts'
import { searchModel, type FindHead } from '../../experiments/exercises/find-head/search.ts'
import { check, differenceOf } from '../../experiments/exercises/check.ts'

const ROOT = join(import.meta.dirname, '../..')
type Written = (...args: never[]) => unknown
const folder = join(ROOT, 'experiments/exercises')

async function writtenIn(name: string, file: string, exported: string): Promise<Written> {
  const loaded = (await import(join(folder, name, `${file}.ts`))) as Readonly<Record<string, Written>>
  return loaded[exported]
}

const test = suite('exercises')

for (const exercise of EXERCISES) {
  const { name, exported, mistakes } = exercise
  test(`${name}: the solution is right, the starter is not`, async () => {
    assert.is(await check(exercise, await writtenIn(name, 'solution', exported)), undefined)
    const failure = await check(exercise, await writtenIn(name, 'starter', exported))
    assert.ok(failure)
    assert.is(failure.mistake, undefined, 'the starter is no mistake that anybody makes')
  })
  for (const [says, wrong] of Object.entries(mistakes))
    test(`${name} tells: ${says}`, async () => {
      const failure = await check({ ...exercise, call: undefined }, wrong)
      assert.is(failure?.mistake, says)
    })
  test(`${name}: the files to read are there`, () => {
    for (const file of exercise.read) assert.ok(readFileSync(join(ROOT, file), 'utf8').length > 0, file)
  })
}

test('find-head: the bundled model has one head that looks back, and none that looks where copies were', async () => {
  const find = (await writtenIn('find-head', 'solution', 'findHead')) as unknown as FindHead
  const { before, even, cost, followed } = await searchModel(find)
  assert.equal([before.layer, before.head], [0, 3])
  assert.ok(
    Math.abs(before.share - 0.208) < 0.01 && Math.abs(even - 0.115) < 0.005,
    `${before.share} ${even}`,
  )
  assert.ok(Math.abs(cost) < 0.01, `${cost}`)
  assert.ok(followed.share < 0.08, `${followed.share}`)
})

test('what is to be broken stands there once', () => {
  for (const { name, file, from } of BREAKS)
    assert.is(readFileSync(join(ROOT, file), 'utf8').split(from).length, 2, name)
})

test('a difference names shapes before numbers, and the place', () => {
  for (const [got, expected, says] of [
    [[1, 2], [1, 2, 3], 'expected a list of 3 numbers, got a list of 2 numbers'],
    [
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      'expected 2 rows of 3, got 3 rows of 2',
    ],
    [[[1, 2.5]], [[1, 2]], 'result[0][1]: expected 2, got 2.50000'],
    [[NaN], [0], 'result[0]: expected 0, got NaN'],
    [undefined, [0], 'expected a list of 1 number, got nothing (is there a return?)'],
    [['ab'], ['a', 'b'], 'expected a list of 2 strings, got a list of 1 string'],
    [new Error('no'), 1, 'your function threw: no'],
  ] as const)
    assert.is(differenceOf(got, expected), says)
  assert.is(differenceOf([1 + 1e-7], [1]), undefined)
})

const own = mkdtempSync(join(tmpdir(), 'exercises-'))
test.after(() => rmSync(own, { recursive: true }))

/** Runs the command. -> exit code, what it printed, what it said */
function run(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, 'main.ts'), ...args], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

test('the command lists, hints, shows a solution, and checks a file', () => {
  const listed = run().stdout
  assert.is(run('list').stdout, listed)
  for (const { name } of [...EXERCISES, ...BREAKS]) assert.ok(listed.includes(name), name)
  assert.match(listed, /^ {2}break-eps \(\*\*, 10 min\): eps is 1e-5/m)
  assert.match(run('softmax', '--hint').stdout, /divided by the sum/)
  assert.match(run('softmax', '--hint', '2').stdout, /What is exp\(1000\)/)
  assert.match(run('break-eps', '--hint', '2').stdout, /variance of 1e-6/)
  assert.match(run('softmax', '--solution').stdout, /export function softmax/)
  assert.match(run('break-eps').stdout, /In engine\/reference\/layer-norm\.ts write/)

  const file = join(own, 'mine.ts')
  writeFileSync(file, 'export const softmax = (x: number[]) => x.map((v) => Math.exp(v - Math.max(...x)))\n')
  const wrong = run('softmax', '--file', file)
  assert.is(wrong.status, 1)
  assert.match(
    wrong.stdout,
    /not yet\.\n\n {2}scores = \[.*\]\n {2}result\[0\]: expected .*, got 1\n\nThe sum is missing/,
  )
  writeFileSync(file, readFileSync(join(folder, 'softmax/solution.ts')))
  const right = run('softmax', '--file', file)
  assert.is(right.status, 0)
  assert.match(right.stdout, /right, on 100 cases\.[^]*How it is done here: engine\/reference\/softmax\.ts/)
  assert.match(right.stdout, /^Next: npm run exercise -- layer-norm {3}\(.+\)$/m)
  assert.equal(JSON.parse(run('softmax', '--file', file, '--json').stdout), {
    name: 'softmax',
    file,
    right: true,
  })
})

test('attention whose powers are not divided by their sum is told so', () => {
  const file = join(own, 'undivided.ts')
  const solution = readFileSync(join(folder, 'attention/solution.ts'), 'utf8')
  for (const [largest, says] of [
    ['Math.max(...scores)', 'exp(score - largest) is not divided by the sum of all'],
    ['0', 'exp(score) is not divided by the sum of all'],
  ]) {
    writeFileSync(file, solution.replace('Math.max(...scores)', largest).replace('(power / sum)', 'power'))
    const { stdout } = run('attention', '--file', file)
    assert.ok(stdout.includes(`\n${says}`), stdout)
  }
})

test('a file that is not there yet is begun where --file says', () => {
  const file = join(own, 'deeper/new.ts')
  const begun = run('softmax', '--file', file)
  assert.is(begun.status, 0)
  assert.ok(begun.stdout.includes(`Check it with: npm run exercise -- softmax --file ${file} `), begun.stdout)
  assert.is(readFileSync(file, 'utf8'), readFileSync(join(folder, 'softmax/starter.ts'), 'utf8'))
  assert.match(run('softmax', '--file', file).stdout, /not yet/)
})

test('what cannot be loaded is named by file and line', () => {
  const file = join(own, 'broken.ts')
  for (const [text, says] of [
    [
      'export const a = 1\nexport function softmax(x: number[]) {\n  return x.map((v => v)\n}\n',
      /, line 4: Expected ',', got '}'/,
    ],
    ['export const a = 1\nexport const a = 2\n', /, line 2: Identifier 'a' has already been declared/],
    ["\nthrow new Error('no')\n", /, line 2: no/],
  ] as const) {
    writeFileSync(file, text)
    const { status, stderr } = run('softmax', '--file', file)
    assert.is(status, 1)
    assert.ok(stderr.startsWith(`error: ${file}, line `), stderr)
    assert.match(stderr, says)
  }
})

test('wrong use is named', () => {
  assert.match(run('sofmax').stderr, /expected list or one of softmax, layer-norm, .*, got 'sofmax'/)
  assert.match(run('softmax', '--hint', '3').stderr, /hint: expected 1 or 2, got '3'/)
  assert.match(
    run('softmax', '--file', join(own, 'none.js')).stderr,
    /none\.js: there is no such file; one to begin from is written where its name ends in \.ts/,
  )
  const file = join(own, 'other.ts')
  writeFileSync(file, 'export const softMax = 1\n')
  assert.match(run('softmax', '--file', file).stderr, /expected an exported function softmax, found softMax/)
  writeFileSync(file, 'export function softmax( {\n')
  assert.match(run('softmax', '--file', file).stderr, /error: .*other\.ts, line \d: /)
})

test.run()
