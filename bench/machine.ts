// Where and how results were measured.
import { spawnSync } from 'node:child_process'
import { availableParallelism, cpus, totalmem } from 'node:os'

export interface Machine {
  readonly cpu: string
  readonly cores: number // that this process may use
  readonly memory_gb: number
  readonly platform: string
  readonly node: string
  readonly v8: string
  readonly flags: string // given to Node; the engine's own flags are in each row's mode
  readonly commit: string
  readonly date: string
  readonly command: string
}

/** @param command what was run, e.g. `npm run bench -- layers --quick` */
export function describeMachine(command: string): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory_gb: Math.round(totalmem() / 1e9),
    platform: `${process.platform} ${process.arch}`,
    node: process.versions.node,
    v8: process.versions.v8,
    flags: [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' ').trim() || 'none',
    commit: currentCommit(),
    date: new Date().toISOString(),
    command,
  }
}

/** The commit's short name, marked where the working tree differs from it. */
function currentCommit(): string {
  const args = ['describe', '--always', '--exclude', '*', '--dirty= with changes']
  const { status, stdout } = spawnSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : 'unknown: no git here'
}

/** On one line, as shown above every table. */
export function showMachine(machine: Machine): string {
  const { cpu, cores, memory_gb, platform, node, v8, flags, commit, date } = machine
  return (
    `${cpu}, ${cores} cores, ${memory_gb} GB, ${platform}; Node ${node}, V8 ${v8}, flags: ${flags}; ` +
    `commit ${commit}; ${date.slice(0, 10)}`
  )
}
