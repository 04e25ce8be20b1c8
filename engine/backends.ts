import type { Backend } from './backend.ts'
import { createReferenceBackend } from './reference/backend.ts'

/** What a backend may be told when it starts; each takes what concerns it. */
export interface BackendOptions {
  /** How many threads compute; left out, the backend chooses. */
  readonly threads?: number
}

interface BackendEntry {
  readonly description: string
  create(options: BackendOptions): Promise<Backend>
}

/** The one registry: every backend by the name a user asks for it. */
export const backends: Readonly<Record<string, BackendEntry>> = {
  reference: {
    description: 'plain loops with float64 sums: slow, exact, made to be read',
    create: async () => createReferenceBackend(),
  },
}

export const defaultBackend = 'reference'

/** Starts the backend of this name, or fails saying why: an explicit choice never falls back. */
export async function createBackend(name = defaultBackend, options: BackendOptions = {}): Promise<Backend> {
  if (!Object.hasOwn(backends, name))
    throw new Error(`backend "${name}" is not known; there are ${Object.keys(backends).join(', ')}`)
  return backends[name].create(options)
}
