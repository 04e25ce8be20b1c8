// Does every model compute what independent implementations compute?
//   npm run verify            both models that need no download, against float64
//   npm run verify -- tiny    one of them
//   npm run verify -- gpt2    real weights, against what others publish of them
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { addEngineOptions, withBackend, type EngineOptions } from '../../lab/models/engine-options.ts'
import { createCommand, integerIn, listOf, oneOf, runMain } from '../../lab/cli/cli.ts'
import { layerOf } from '../../lab/models/hooks.ts'
import { hubSettings } from '../../lab/models/hub/settings.ts'
import { openModel, type OpenModel } from '../../lab/models/models.ts'
import { print, printJson } from '../../lab/cli/print.ts'
import { createProgress } from '../../lab/cli/progress.ts'
import { postTexts } from '../../lab/texts/post-texts.ts'
import { formatTable } from '../../lab/cli/table.ts'
import { OWN_TEXTS } from '../../lab/texts/named-texts.ts'
import { loadTexts } from '../../lab/texts/texts-node.ts'
import { passed, type Check } from './check.ts'
import { failedFindings, showFindings } from './finding.ts'
import { gpt2Expected } from './gpt2-expected.ts'
import { verifyExpected, type ExpectedResult } from './gpt2.ts'
import type { Recorded } from './recorded.ts'
import { verifySynthetic } from './synthetic.ts'
import { verifyTiny } from './tiny.ts'

const names = ['tiny', 'synthetic', 'gpt2'] as const
const withoutDownload = ['tiny', 'synthetic'] as const

const command = addEngineOptions(
  createCommand(
    'verify',
    'compare models with the float64 reference outputs in test/reference, layer by layer',
  ),
  { model: false },
)
  .argument(
    '[models...]',
    `which models: ${names.join(', ')} (default: ${withoutDownload.join(' and ')})`,
    collect,
  )
  .option(
    '--layers <list>',
    'which of gpt2’s SAEs to verify; 12 is after the last layer. Each is a download of 151 MB',
    listOf('layers', integerIn('layer', 0, 12)),
    [...gpt2Expected.release.keys()].map(layerOf),
  )
  .parse()

function collect(name: string, before: readonly string[] = []): string[] {
  return [...before, oneOf('model', names)(name)]
}

interface Options extends Omit<EngineOptions, 'model'> {
  readonly layers: readonly number[]
  readonly json?: boolean
}

runMain(async () => {
  const options = command.opts<Options>()
  const models = new Set(
    command.args.length > 0 ? (command.args as (typeof names)[number][]) : withoutDownload,
  )
  await withBackend(options, async (ops) => {
    const checks: Check[] = []
    let outcome: ExpectedResult | undefined
    for (const name of models) {
      const model = await openModel(name, ops, { ...options, quiet: options.json })
      if (name === 'gpt2') outcome = await verifyGpt2(model, options)
      else
        checks.push(
          ...(name === 'tiny' ? await verifyTiny(model, reference(name)) : await full(model, options)),
        )
      model.release()
    }
    const failed = checks.filter((check) => !passed(check)).length
    const missed = failedFindings(outcome?.findings ?? []).length
    if (options.json) printJson({ backend: ops.name, mode: ops.mode, checks, published: outcome }, 2, finite)
    else {
      if (checks.length > 0) printChecks(ops.name, ops.mode, checks, failed)
      if (outcome) printExpected(ops.name, ops.mode, outcome, missed)
    }
    if (checks.length === 0 && !outcome) throw new Error('nothing was verified')
    if (failed + missed > 0) process.exitCode = 1
  })
})

const reference = (name: string): string =>
  fileURLToPath(new URL(`../../../test/reference/${name}`, import.meta.url))

async function full(model: OpenModel, { json }: Options): Promise<Check[]> {
  using progress = createProgress({ label: 'verifying synthetic', total: 5, unit: 'prompts', quiet: json })
  return await verifySynthetic(model, reference('synthetic'), { onPrompt: () => progress.step() })
}

/** The alarm and the SAEs' quality need a few texts of many kinds: every tenth of our own. */
async function verifyGpt2(model: OpenModel, { layers, json, ...options }: Options): Promise<ExpectedResult> {
  const own = await loadTexts(OWN_TEXTS)
  return verifyExpected(model, gpt2Expected, {
    hooks: model.saeHooks.filter((hook) => layers.includes(layerOf(hook))),
    sample: own.filter((_, i) => i % 10 === 0).map(({ text }) => text),
    postTexts: await postTexts(await hubSettings(process.env, options)),
    recorded: await readRecorded(),
    quiet: json,
  })
}

async function readRecorded(): Promise<Recorded> {
  const file = await readFile(new URL('gpt2-recorded.json', import.meta.url), 'utf8')
  return JSON.parse(file) as Recorded
}

/** JSON has no infinity; an infinite error is printed as a word. */
function finite(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}

function printChecks(backend: string, mode: string, checks: readonly Check[], failures: number): void {
  const row = (check: Check) => [
    check.model,
    check.what,
    check.count,
    check.error === 0 ? '0' : check.error.toExponential(1),
    check.limit === 0 ? '0' : check.limit.toExponential(1),
    passed(check) ? 'ok' : 'FAILED',
  ]
  print(`backend ${backend} (${mode}), against float64:`)
  print(formatTable(['model', 'what', 'numbers', 'largest error', 'limit', ''], checks.map(row)))
  print(failures === 0 ? `all ${checks.length} checks hold` : `${failures} of ${checks.length} checks FAILED`)
}

function printExpected(
  backend: string,
  mode: string,
  { findings, hints }: ExpectedResult,
  missed: number,
): void {
  print(`backend ${backend} (${mode}), against what others publish:`)
  print(showFindings(findings))
  const required = findings.filter((finding) => finding.required).length
  print(
    missed === 0 ? `all ${required} required checks hold` : `${missed} of ${required} required checks FAILED`,
  )
  for (const hint of hints) print(`likely: ${hint}`)
  if (missed > 0) print('to check that the files are the published ones: npm run download -- gpt2 --offline')
}
