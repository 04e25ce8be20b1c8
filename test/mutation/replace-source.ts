// Loaded before a test (node --import): gives one module another source text, in worker threads and child processes too.
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'

const { MUTANT_URL, MUTANT_SOURCE } = process.env

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    return url === MUTANT_URL ? { ...loaded, source: readFileSync(MUTANT_SOURCE!, 'utf8') } : loaded
  },
})
