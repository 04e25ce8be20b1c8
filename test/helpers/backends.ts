import type { Backend } from '../../engine/backend.ts'
import { backends, createBackend, type BackendOptions } from '../../engine/backends.ts'
import { createReferenceBackend } from '../../engine/reference/backend.ts'

/** The specification, which every other backend is held to. */
export const reference = createReferenceBackend()

/**
 * Starts every registered backend: registering one is all it takes to have it tested. Prints what runs;
 * a backend that cannot start here fails the test file, so that none is left out without a sound.
 */
export async function startBackends(options: BackendOptions = {}): Promise<readonly Backend[]> {
  const started: Backend[] = []
  for (const name of Object.keys(backends)) started.push(await createBackend(name, options))
  console.log(`backends: ${started.map(({ name, mode }) => `${name} (${mode})`).join('; ')}`)
  return started
}
