// Does every model compute what an independent float64 implementation computes?
//   npm run verify            both models
//   npm run verify -- tiny    one of them
import { fileURLToPath } from 'node:url'
import { addEngineOptions, withBackend, type EngineOptions } from '../common/options.ts'
import { createCommand, oneOf, runMain } from '../common/cli.ts'
import { openModel } from '../common/models.ts'
import { createProgress } from '../common/progress.ts'
import { formatTable } from '../common/table.ts'
import { passed, type Check } from './check.ts'
import { verifySynthetic } from './synthetic.ts'
import { verifyTiny } from './tiny.ts'

const names = ['tiny', 'synthetic'] as const

const command = addEngineOptions(
  createCommand('verify', 'hold models to the float64 reference outputs in test/reference, layer by layer'),
  { model: false },
)
  .argument('[models...]', `which: ${names.join(', ')}; all if left out`, collect)
  .parse()

function collect(name: string, before: readonly string[] = []): string[] {
  return [...before, oneOf('model', names)(name)]
}

runMain(async () => {
  const options = command.opts<Omit<EngineOptions, 'model'> & { json?: boolean }>()
  const models = (command.processedArgs[0] as string[] | undefined) ?? names
  await withBackend(options, async (ops) => {
    const checks: Check[] = []
    for (const name of models) {
      const model = await openModel(name, ops, { ...options, quiet: options.json })
      const folder = fileURLToPath(new URL(`../../test/reference/${name}`, import.meta.url))
      checks.push(...(name === 'tiny' ? await verifyTiny(model, folder) : await full(model, folder)))
      model.release()
    }
    const failed = checks.filter((check) => !passed(check))
    if (options.json) console.log(JSON.stringify({ backend: ops.name, mode: ops.mode, checks }, finite, 2))
    else print(ops.name, ops.mode, checks, failed.length)
    if (failed.length > 0) process.exitCode = 1
  })

  async function full(model: Awaited<ReturnType<typeof openModel>>, folder: string) {
    using progress = createProgress({
      label: 'verifying synthetic',
      total: 5,
      unit: 'prompts',
      quiet: options.json,
    })
    return verifySynthetic(model, folder, { onPrompt: () => progress.step() })
  }
})

/** JSON has no infinity; an infinite error is printed as a word. */
function finite(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}

function print(backend: string, mode: string, checks: readonly Check[], failures: number): void {
  const row = (check: Check) => [
    check.model,
    check.what,
    check.count,
    check.error === 0 ? '0' : check.error.toExponential(1),
    check.limit === 0 ? '0' : check.limit.toExponential(1),
    passed(check) ? 'ok' : 'FAILED',
  ]
  console.log(`backend ${backend} (${mode}), against float64:`)
  console.log(formatTable(['model', 'what', 'numbers', 'largest error', 'limit', ''], checks.map(row)))
  console.log(
    failures === 0 ? `all ${checks.length} checks hold` : `${failures} of ${checks.length} checks FAILED`,
  )
}
