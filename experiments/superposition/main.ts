// Why are there more features than dimensions? Five features learn to share a plane, the rarer they are the more of them.
//   npm run superposition
// Prints what a toy keeps at each sparsity, and how crowded the bundled SAEs' directions are.
import {
  arrowsOf,
  describeArrows,
  describePay,
  expectedLoss,
  showDegrees,
  showLoss,
  twoKeptLoss,
} from '../lab/analysis/superposition/judge.ts'
import { PRESENT, trainToy, type ToySettings } from '../lab/analysis/superposition/toy.ts'
import { createCommand, integerIn, listOf, numberIn, runMain } from '../lab/cli/cli.ts'
import { print, printJson } from '../lab/cli/print.ts'
import { createProgress } from '../lab/cli/progress.ts'
import { formatTable } from '../lab/cli/table.ts'
import { measureCrowds, type Crowd } from './crowd.ts'

interface Options {
  readonly present: readonly number[]
  readonly decay: number
  readonly seeds: readonly number[]
  readonly json?: boolean
}

const command = createCommand(
  'superposition',
  'why there are more features than dimensions, in a toy and in the bundled SAEs',
)
  .option(
    '--present <list>',
    'probabilities that a feature is present, one training each',
    listOf('present', numberIn('probability', 0.001, 1)),
    PRESENT,
  )
  .option(
    '--decay <factor>',
    'how much each next feature matters, times the one before',
    numberIn('decay', 0.01, 1),
    0.9,
  )
  .option(
    '--seeds <list>',
    'where trainings begin; the one that loses least is shown',
    listOf('seeds', integerIn('seed', 0, 2 ** 32 - 1)),
    [0, 1, 2],
  )
  .parse()

/** The best of the trainings from several beginnings. */
function train(settings: Omit<ToySettings, 'seed'>, seeds: readonly number[], trained: () => void) {
  const all = seeds.map((seed) => {
    const toy = trainToy({ ...settings, seed })
    trained()
    return { seed, ...arrowsOf(toy), bias: Array.from(toy.b), loss: expectedLoss(toy, settings) }
  })
  const best = all.reduce((one, other) => (other.loss < one.loss ? other : one))
  const kept_by_seed = all.map(({ kept }) => kept.length)
  return { present: settings.present, ...best, two_kept_loss: twoKeptLoss(settings), kept_by_seed }
}

type Trained = ReturnType<typeof train>

function toyTable(rows: readonly Trained[]): string {
  const columns = [
    'present',
    'kept',
    'lengths',
    'angles to the next',
    'disturbed above 0',
    'below 0',
    'loss',
    'two alone',
    'kept by seed',
  ]
  return formatTable(
    columns,
    rows.map((row) => [
      row.present,
      `${row.kept.length} of ${row.lengths.length}`,
      row.lengths.map((length) => length.toFixed(2)).join(' '),
      row.gaps.map(showDegrees).join(' '),
      row.interference.above.toFixed(2),
      row.interference.below.toFixed(2),
      showLoss(row.loss),
      showLoss(row.two_kept_loss),
      row.kept_by_seed.join(' '),
    ]),
  )
}

function crowdTable(crowds: readonly Crowd[]): string {
  return formatTable(
    ['directions', 'how many', 'in dimensions', 'mean |cos|', 'pairs above 0.3', 'nearest other, median'],
    crowds.map(({ name, directions, dimensions, mean, above, nearest }) => [
      name,
      directions,
      dimensions,
      mean.toFixed(3),
      `${(100 * above).toFixed(2)} %`,
      nearest.toFixed(2),
    ]),
  )
}

runMain(async () => {
  const { present, decay, seeds, json } = command.opts<Options>()
  using progress = createProgress({
    label: 'training',
    total: present.length * seeds.length,
    unit: 'toys',
    quiet: json,
  })
  const rows = present.map((probability) =>
    train({ present: probability, decay }, seeds, () => progress.step()),
  )
  progress.stop()
  const crowds = await measureCrowds()
  if (json) return printJson({ decay, seeds, toys: rows, crowds }, 1)
  print(toyTable(rows))
  for (const row of rows)
    print(`present ${row.present}: ${describeArrows(row)} ${describePay(row.loss, row.two_kept_loss)}`)
  print(`\n${crowdTable(crowds)}`)
})
