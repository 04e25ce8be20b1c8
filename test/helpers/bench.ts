import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Row } from '../../bench/rows.ts'

export const MACHINE = {
  cpu: 'cpu',
  cores: 2,
  memory_gb: 8,
  platform: 'linux x64',
  node: '24.0.0',
  v8: '13',
  flags: 'none',
  commit: 'abc',
  date: '2026-01-02T03:04:05.000Z',
  command: 'npm run bench -- kernels',
}

export function row(changes: Partial<Row> = {}): Row {
  return {
    work: 'w',
    shape: '1x2x3',
    backend: 'b',
    mode: 'm',
    threads: 1,
    median_ms: 2,
    p10_ms: 1,
    p90_ms: 3,
    gflops: 1,
    gbs: null,
    roofline: 0.5,
    ...changes,
  }
}

export async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-test-'))
  try {
    await work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export async function rejection(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('expected an error')
}
