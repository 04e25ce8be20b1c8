// What a worker does with a shard from the queue, whatever the outcome.
import { onSignal } from '../../../lab/cli/cleanup.ts'
import { Misfit, type Benches } from './benches.ts'
import type { JobErrors, Process, QueuedJob } from './bullmq.ts'
import { BadShard, readShardJob, type ShardJob, type ShardProgress } from './shard-job.ts'
import { workOnShard, type Done } from './work-on-shard.ts'

/** How many workers may die on a shard before it is given up. */
const MOST_DEATHS = 5

interface Told {
  onDone(task: ShardJob, done: Done): void
  /** The shard may be tried again. */
  onFailure(shard: string, error: Error): void
  /** This worker does not fit it, and takes no more. */
  onMisfit(misfit: Misfit): void
}

/** name: the worker's */
export function processor(name: string, benches: Benches, errors: JobErrors, told: Told): Process {
  const { UnrecoverableError, WaitingError } = errors
  return async (job, token) => {
    try {
      const task = readShardJob(job.data)
      const prepared = await benches.of(task)
      if (task.begun.length >= MOST_DEATHS)
        throw new BadShard(
          `${task.begun.length} workers started it, and none of them was heard from again: ${task.begun.join(', ')}`,
        )
      await job.updateData({ ...task, begun: [...task.begun, name] })
      using _ = onSignal(async () => {
        await job.updateData(task)
        await job.moveToWait(token)
      })
      const done = await workOnShard(prepared, task, progressOf(job, name)).catch(async (error: unknown) => {
        await job.updateData(task) // this worker has reported back
        throw error
      })
      told.onDone(task, done)
      return done
    } catch (error) {
      if (error instanceof Misfit) {
        told.onMisfit(error)
        const progress: ShardProgress = { worker: name, tokens: 0, refused: error.message }
        await job.updateProgress(progress)
        await job.moveToWait(token)
        throw new WaitingError()
      }
      const { message } = error as Error
      told.onFailure(job.id!, error as Error)
      throw error instanceof BadShard ? new UnrecoverableError(message) : error
    }
  }
}

/** Reports how far a shard has got, at most once a second. */
function progressOf(job: QueuedJob, worker: string): (tokens: number) => void {
  let next = 0
  return (tokens) => {
    if (performance.now() < next) return
    next = Infinity // until Redis has received it
    const progress: ShardProgress = { worker, tokens }
    const sent = job.updateProgress(progress).catch(() => undefined) // an error such as a lost lock shows up elsewhere
    void sent.then(() => (next = performance.now() + 1000))
  }
}
