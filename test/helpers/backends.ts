import type { Backend } from '../../engine/backend.ts'
import { backends, createBackend } from '../../engine/backends.ts'
import { createReferenceBackend } from '../../engine/reference/backend.ts'

/** The specification, which every other backend is held to. */
export const reference = createReferenceBackend()

/**
 * Starts every registered backend that runs in a plain Node: registering one is all it takes to have it tested.
 * Prints what runs, and which backends `npm run test:browser` and `test:webgpu` test instead. A backend that cannot start here fails the test file,
 * so that none is left out without a sound.
 */
export async function startBackends(): Promise<readonly Backend[]> {
  const started: Backend[] = []
  const names = Object.keys(backends)
  for (const name of names) if (backends[name].needs === undefined) started.push(await createBackend(name))
  console.log(`backends: ${started.map(({ name, mode }) => `${name} (${mode})`).join('; ')}`)
  const elsewhere = names.filter((name) => backends[name].needs !== undefined)
  console.log(`tested by test:browser and test:webgpu: ${elsewhere.join(', ')}`)
  return started
}
