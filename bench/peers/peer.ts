// What a peer is: another library, in one of its modes, that multiplies matrices beside ours.
import { createRequire } from 'node:module'
import type { PreparedMatmul, Problem } from '../matmul.ts'

/** A library that has been started, in one of its modes. */
export interface Peer {
  readonly mode: string
  readonly threads: number
  readonly prepare: (problem: Problem) => Promise<PreparedMatmul>
}

/** A library in one of its modes, not yet started. */
export interface PeerEntry {
  readonly name: string
  /** What it does, if not the product alone. */
  readonly work?: string
  /** @throws if it cannot run here, saying why */
  readonly start: () => Promise<Peer>
}

export function showThreads(threads: number): string {
  return `${threads} thread${threads > 1 ? 's' : ''}`
}

const require = createRequire(import.meta.url)

/**
 * Loads a package of bench/peers/package.json. The caller names its type: the part of its interface that is used here,
 * so that this project's types do not depend on packages that are not installed with it.
 */
export async function load<T>(name: string): Promise<T> {
  return (await import(import.meta.resolve(name))) as T
}

/** The same for CommonJS packages that must share one instance of another. */
export function loadCommonJs<T>(name: string): T {
  return require(name) as T
}

/** Where a package's main file is. @throws if it is not installed */
export function resolvePath(name: string): string {
  return require.resolve(name)
}

export function isInstalled(name: string): boolean {
  try {
    resolvePath(name)
    return true
  } catch {
    return false
  }
}
