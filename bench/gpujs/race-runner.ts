// One contestant of a race, verified and timed: in a page (race-page.ts) or in Node (race-node.ts).
import { threadsOf } from '../rows.ts'
import type { Runner } from '../side-by-side.ts'
import { shortRuns } from '../timing.ts'
import { checkLayer, makeProblem, type Contestant, type Prepared, type RaceTask } from './race-layer.ts'

export function raceRunner(name: string, contestant: Contestant): Omit<Runner<RaceTask>, 'close'> {
  const { mode } = contestant
  let prepared: (Prepared & { readonly what: string }) | undefined
  let part: RaceTask['part'] = 'compute'
  return {
    ...{ backend: name, mode, threads: threadsOf({ mode }) },
    /** Takes the task's layer, which replaces the one before. @throws if its result is not the reference's */
    async verify(task) {
      part = task.part
      const what = `${name} (${mode}): ${nameOf(task.layer)}`
      if (prepared?.what === what) return
      await prepared?.release()
      prepared = undefined
      const problem = makeProblem(task.layer)
      const ready = await contestant.prepare(problem)
      await checkLayer(what, problem, await ready.readBack())
      prepared = { ...ready, what }
    },
    /** Runs a part for `ms` milliseconds, at least once. -> milliseconds of the first 10,000 runs */
    time: async (ms) => (await shortRuns(() => prepared![part]())(ms)).slice(0, 10_000),
  }
}

const nameOf = ({ tokens, inputs, outputs, relu }: RaceTask['layer']) =>
  `${tokens}x${inputs}x${outputs}${relu ? ' with ReLU' : ''}`
