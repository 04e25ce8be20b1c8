// A worker for a corpus whose shards a queue hands out.
//   npm run corpus:worker -- --queue redis://localhost --root /shared
// Takes shards from the queue, one after the other, until Ctrl-C; their files land where `npm run corpus` waits for them.
import { realpath } from 'node:fs/promises'
import { hostname } from 'node:os'
import { createCommand, integerIn, runMain } from '../../../lab/cli/cli.ts'
import { print, printJson, printNote } from '../../../lab/cli/print.ts'
import { UserError } from '../../../lab/cli/user-error.ts'
import { addEngineOptions, withBackend, type EngineOptions } from '../../../lab/models/engine-options.ts'
import { openModel } from '../../../lab/models/models.ts'
import { Benches, type Misfit } from './benches.ts'
import { connect } from './bullmq.ts'
import { processor } from './processor.ts'
import type { ShardJob } from './shard-job.ts'
import type { Done } from './work-on-shard.ts'

interface Options extends EngineOptions {
  readonly queue: string
  readonly root: string
  readonly lock: number
  readonly json?: boolean
}

const options = addEngineOptions(
  createCommand('corpus:worker', 'work on the shards of a corpus that a queue hands out'),
)
  .requiredOption(
    '--queue <address>',
    'the address of Redis: redis://HOST[:PORT][/DATABASE], or rediss:// (required)',
  )
  .option('--root <folder>', 'the folder that all machines share: nothing is read or written outside it', '.')
  .option(
    '--lock <seconds>',
    'after this long without a sign of life, a worker’s shard is given to another worker',
    integerIn('lock', 1, 3600),
    30,
  )
  .addHelpText(
    'after',
    `
To keep a password off the command line, set it in CLEARBOX_QUEUE_PASSWORD.

The model and its SAEs are this machine’s own: give the same --model and --saes as for the corpus. A worker whose weights, code
or arithmetic differ from the corpus’s says what differs, leaves the shard to others, and ends.

Ctrl-C puts the current shard back into the queue.

Example:
  npm run corpus:worker -- --queue redis://queue.local --root /shared --model gpt2`,
  )
  .parse()
  .opts<Options>()

runMain(async () => {
  const { json: quiet = false } = options
  const root = await realpath(options.root).catch((cause: Error) => {
    throw new UserError(`--root: ${cause.message}`, { cause })
  })
  using redis = await connect(options.queue)
  const name = `${hostname()}:${process.pid}`
  await withBackend(options, async (ops) => {
    using model = await openModel(options.model, ops, { ...options, quiet })
    using benches = new Benches(ops, model, root, options)
    let misfit: Misfit | undefined
    const process = processor(name, benches, redis.errors, {
      onDone: (task, done) => (quiet ? printJson({ ...place(task), ...done }) : print(line(task, done))),
      onFailure: (shard, { message }) => quiet || printNote(`${shard}: ${message}`),
      onMisfit(found) {
        misfit = found
        void worker.close()
      },
    })
    const worker = redis.worker(process, { name, lock: options.lock })
    if (!quiet) printNote(`worker ${name}: waiting for shards of ${redis.shown}; Ctrl-C ends it`)
    await worker.run()
    if (misfit) throw new UserError(`${misfit.message}: left to other workers`)
  })
})

const place = ({ out, index }: ShardJob) => ({ out, index })

function line({ out, index }: ShardJob, { tokens, seconds, there }: Done): string {
  return `${out}: shard ${index}, ${tokens} tokens ${there ? 'already done' : `in ${seconds.toFixed(1)} s`}`
}
