// Each sabotaged SAE shows its fault in one figure, which is in order in the five others.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createBackend } from '../../engine/backends.ts'
import { replyTo } from '../../experiments/exercises/diagnose/diagnose.ts'
import { FAULTS, HEALTHY } from '../../experiments/exercises/diagnose/faults.ts'
import { figuresOf, type Figures } from '../../experiments/exercises/diagnose/figures.ts'
import { healthyCase, PATIENTS } from '../../experiments/exercises/diagnose/patients.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import { OWN_TEXTS, textsNamed } from '../../experiments/lab/texts/named-texts.ts'
import { tokenizeTexts } from '../../experiments/lab/texts/tokenize-texts.ts'

const ops = await createBackend('wasm')
const model = await openModel('tiny', ops, { quiet: true })
const { ids: texts } = tokenizeTexts(model, await textsNamed({ texts: OWN_TEXTS }))
const clinic = { ops, gpt2: model.gpt2, texts }
const measured = new Map<string, Figures>()
for (const patient of PATIENTS) measured.set(patient.name, await figuresOf(await patient.open(clinic)))

const test = suite('exercises: diagnose')
test.after(() => ops.dispose())

for (const patient of PATIENTS)
  test(`${patient.name}: ${patient.fault} shows, and nothing else`, () => {
    const figures = measured.get(patient.name)!
    assert.equal(
      FAULTS.filter(({ shows }) => shows(figures)).map(({ name }) => name),
      [patient.fault],
    )
    for (const fault of FAULTS) {
      const { right, says } = replyTo(fault, patient, figures)
      assert.is(right, fault.name === patient.fault)
      assert.ok(says.includes(fault.figure(figures)), says)
      assert.match(says, right ? /^right, / : /^not /)
    }
  })

test('an answer that is wrong is met by what speaks against it alone', () => {
  for (const [name, fault, says] of [
    ['A', 'wrong-hook', /but it is 1\.\d+ \(healthy: 0\.91 to 0\.94\)\.$/],
    ['D', 'flattering-ratio', /but 0\.\d+ recovered of zeros lies below \(healthy: 0\.91 to 0\.94\)\.$/],
    ['B', 'flattering-ratio', /but it costs 0\.\d+ nats \(healthy: 0\.32 to 0\.51\)\.$/],
  ] as const) {
    const patient = PATIENTS.find((one) => one.name === name)!
    const answer = FAULTS.find((one) => one.name === fault)!
    assert.match(replyTo(answer, patient, measured.get(name)!).says, says)
  }
})

test('the six bundled SAEs are healthy', async () => {
  for (let layer = 0; layer < 6; layer++) {
    const figures = await figuresOf(await healthyCase(clinic, layer))
    for (const [name, [least, most]] of Object.entries(HEALTHY)) {
      const value = figures[name as keyof typeof HEALTHY]
      assert.ok(value >= least - 0.005 && value <= most + 0.005, `layer ${layer}, ${name}: ${value}`)
    }
    assert.equal(
      FAULTS.filter(({ shows }) => shows(figures)).map(({ name }) => name),
      [],
    )
  }
})

const main = join(import.meta.dirname, '../../experiments/exercises/main.ts')
const run = (...args: string[]) => spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' })

test('an answer is judged, by exit code too, and by what the figures show', () => {
  const wrong = run('diagnose', '--answer', 'A=wrong-hook')
  assert.is(wrong.status, 1)
  assert.match(
    wrong.stdout,
    /^A: not wrong-hook\. Then even the ratio that flatters, .* would lie below the healthy range; but it is 1\.1/,
  )
  const right = run('diagnose', '--json', '--answer', 'a=wrong-texts')
  assert.is(right.status, 0)
  const { replies } = JSON.parse(right.stdout) as { replies: { right: boolean; says: string }[] }
  assert.is(replies[0].right, true)
  assert.match(replies[0].says, /it loses 8\.\d+ nats per token \(healthy: 4\.11 to 4\.12\)/)
})

test('hints, configurations and solutions come without measuring', () => {
  assert.match(run('diagnose', '--hint').stdout, /^Compare each column with the healthy one/)
  assert.match(run('diagnose', '--hint', '2').stdout, /^Each fault has one figure of its own/)
  assert.match(run('diagnose', '--configuration').stdout, /^B: .*d_in 128, d_sae 128$/m)
  assert.match(run('diagnose', '--solution').stdout, /^D: wrong-hook: it reads another place/m)
})

test('wrong use is named', () => {
  for (const answer of ['A', 'G=wrong-hook', 'A=broken'])
    assert.match(
      run('diagnose', '--answer', answer).stderr,
      /answer: expected a patient from A to F and a fault, such as A=few-features, got '.*'; the faults are few-features, /,
    )
  assert.match(
    run('softmax', '--answer', 'A=wrong-hook').stderr,
    /--answer and --configuration belong to diagnose, not to softmax/,
  )
})

test.run()
