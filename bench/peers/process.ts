import type { PreparedMatmul, Problem } from '../matmul.ts'
import { verifyMatmul } from '../matmul.ts'
import { shortRuns } from '../timing.ts'
import { everyone } from './all.ts'

/**
 * One peer in a process of its own, because they change globals that others look at (`Worker`) and set themselves up
 * for the whole process (threads). The bench sends one request at a time and waits for the answer.
 */
export type Request =
  | { readonly kind: 'start'; readonly name: string; readonly backend: string; readonly threads: number }
  | { readonly kind: 'prepare'; readonly problem: Problem }
  | { readonly kind: 'run'; readonly time: number }

export interface Answer {
  readonly started?: { readonly mode: string; readonly threads: number }
  readonly samples?: number[]
  readonly error?: string
}

let label = ''
let prepare: (problem: Problem) => Promise<PreparedMatmul>
let ready: PreparedMatmul | undefined

async function answer(request: Request): Promise<Answer> {
  switch (request.kind) {
    case 'start': {
      const entry = everyone(request.backend, request.threads).find(({ name }) => name === request.name)
      const peer = await entry!.start()
      prepare = peer.prepare
      label = `${request.name} (${peer.mode})`
      return { started: { mode: peer.mode, threads: peer.threads } }
    }
    case 'prepare':
      await ready?.release?.()
      ready = await prepare(request.problem)
      await verifyMatmul(label, request.problem, ready)
      return {}
    case 'run':
      return { samples: await shortRuns(() => ready!.run())(request.time) }
  }
}

process.on('message', (request: Request) => {
  answer(request)
    .catch((error: Error): Answer => ({ error: error.message }))
    .then((reply) => process.send!(reply))
    .catch(() => process.exit(1))
})
process.on('disconnect', () => process.exit())
