// The frame of every experiment that leaves a report: opens what it needs, runs it, writes and shows what it found.
import { piecesOf } from '../../gpt2/pieces.ts'
import { Option, type Command } from 'commander'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { openCorpusOf, type CorpusOfModel } from './analysis/corpus/corpus-of-model-node.ts'
import { commandLine, runMain } from './cli/cli.ts'
import { print, printNote, toJson } from './cli/print.ts'
import { checkWritable, safeName, writeAllAtomically } from './cli/write-node.ts'
import { withBackend, type EngineOptions } from './models/engine-options.ts'
import { openModel, type OpenModel } from './models/models.ts'
import { checkSaes } from './models/preflight.ts'
import { provenanceLines, provenanceOf, type Provenance } from './models/provenance.ts'
import { MIXED, newRun, readPublished } from './report/published-node.ts'
import type { Made } from './report/report-page.ts'
import { indexLinks, updateResultsIndex } from './report/results-index.ts'
import type { TokenText } from './report/tokens.ts'
import { identicalTexts, type LabelledText } from './texts/texts.ts'
import { namedAfter, tokenizeTexts, type Long } from './texts/tokenize-texts.ts'

/** The options of every experiment, beside its own. */
export interface ExperimentOptions extends EngineOptions {
  readonly seed?: number
  readonly out?: string
  readonly json?: boolean
  readonly verbose?: boolean
  readonly force?: boolean
  readonly long?: Long
  readonly corpus?: string
}

/** Adds --out and --force. name: the experiment's folder below results/ */
export function addResultOptions(command: Command, name: string): Command {
  return command
    .option('--out <folder>', `where the results go (default: results/${name}/MODEL)`)
    .option('--force', 'run even if an SAE hardly rebuilds these texts, a sign of a wrong basis or hook')
}

/** --verbose, for an experiment that ends with what was found. */
export function verboseOption(): Option {
  return new Option('--verbose', 'also print the figures behind the findings, which the report always has')
}

/** An experiment, in steps. Results go to results/NAME/MODEL unless --out says otherwise. */
interface Experiment<Options> {
  readonly name: string
  /** As in `npm run SCRIPT`, where that is not the name. */
  readonly script?: string
  texts(options: Options): LabelledText[] | Promise<LabelledText[]>
  /** The hooks whose SAEs it needs. */
  hooks(model: OpenModel, options: Options): string[]
  /** Those of them whose features have cards, unless they are all. */
  cards?(hooks: readonly string[]): readonly string[]
  run(prepared: Prepared<Options>): Promise<Outcome>
}

/** The model is loaded, and the SAEs' files are on this machine. Texts are in row order. */
interface Prepared<Options> {
  readonly options: Options
  readonly model: OpenModel
  readonly hooks: readonly string[]
  readonly labelled: readonly LabelledText[]
  /** With BOS. */
  readonly ids: readonly (readonly number[])[]
  /** The same as strings, one per token. */
  readonly tokenTexts: readonly TokenText[]
  /** Of --corpus. */
  readonly corpus?: CorpusOfModel
  /** No progress, and nothing but JSON on standard output. */
  readonly quiet: boolean
}

/** What it found. */
interface Outcome {
  /** What it asks, in a sentence. */
  readonly question: string
  /** What --json prints, behind `run`, `question` and `provenance`. */
  readonly results: object
  /** How it was made, where no option says so; `hooks` unless they are all. */
  readonly provenance: Partial<Provenance> & { readonly threshold: string }
  readonly hooks?: readonly string[]
  readonly reports: readonly Report[]
  /** What was done, for the line that says how long it took. */
  readonly done?: string
}

/** A folder of results: results.json, CSV files, report.html. */
export interface Report {
  /** Its name below the experiment's own folder, unless it is that. */
  readonly place?: string
  /** Unless they are the outcome's. */
  readonly results?: object
  /** What it found, in one plain sentence. */
  readonly answer: string
  readonly tables: Readonly<Record<string, string>>
  readonly page: (made: Made) => string
  /** What the terminal shows, a paragraph each. */
  readonly text: readonly string[]
  /** It contains colours, and has already made foreign text visible. */
  readonly styled?: boolean
}

/** @param command with the experiment's options and --out, parsed */
export function runExperiment<Options extends ExperimentOptions>(
  command: Command,
  experiment: Experiment<Options>,
): void {
  const options = command.opts<Options>()
  if (options.out === '') command.error('error: --out needs the name of a folder')
  runMain(() =>
    withBackend(options, async (ops) => {
      const started = performance.now()
      const run = newRun()
      const { name, script = name } = experiment
      await checkWritable(join(options.out ?? 'results', 'results.json'))
      const labelled = await experiment.texts(options)
      const identical = identicalTexts(labelled)
      const quiet = options.json ?? false
      const model = await openModel(options.model, ops, { ...options, quiet })
      const { ids, long } = tokenizeTexts(
        model,
        namedAfter(command.opts<{ texts?: string }>().texts, labelled),
        options.long,
      )
      const hooks = experiment.hooks(model, options)
      await model.prepareSaes(hooks)
      const corpus = await corpusGiven(options, experiment.cards?.(hooks) ?? hooks)
      await checkSaes(model, ids, hooks, { quiet, force: options.force })
      const tokenTexts = labelled.map(({ category }, row) => ({
        category,
        pieces: piecesOf(model, ids[row]),
      }))

      const outcome = await experiment.run({
        ...{ options, model, hooks, labelled, ids, tokenTexts, corpus, quiet },
      })
      const provenance = {
        ...(await provenanceOf(model, ops, outcome.hooks ?? hooks, {
          threshold: outcome.provenance.threshold,
          seed: options.seed,
          command: commandLine(script, process.argv.slice(2)),
        })),
        ...outcome.provenance,
        ...(long === undefined ? {} : { long }),
        ...(identical === undefined ? {} : { identical }),
        ...(corpus === undefined ? {} : { corpus: corpus.description }),
      }
      const folder = resolve(options.out ?? join('results', name, safeName(model.name)))
      for (const report of outcome.reports)
        await write(report, outcome, { run, provenance }, folder, options.out)
      if (options.out === undefined) await updateResultsIndex('results')

      if (quiet) return void process.stdout.write(asJson({ run, provenance }, outcome) + '\n')
      print(`${provenanceLines(provenance)}\n`)
      const seconds = (performance.now() - started) / 1000
      for (const report of outcome.reports) show(report, outcome, folder, seconds)
    }),
  )
}

async function corpusGiven(
  { corpus: folder, json: quiet = false, ...options }: ExperimentOptions,
  hooks: readonly string[],
): Promise<CorpusOfModel | undefined> {
  if (folder === undefined) return undefined
  const corpus = await openCorpusOf(folder, { ...options, hooks, quiet })
  if (corpus.missing.length > 0 && !quiet) printNote(`note: --corpus ${corpus.description}`)
  return corpus
}

type Origin = Pick<Made, 'run' | 'provenance'>

/** The answers, in the order of the reports, are one where there is one report. */
function asJson({ run, provenance }: Origin, { question, results, reports }: Outcome): string {
  const [answer, ...others] = reports.map((report) => report.answer)
  return toJson(
    { run, question, answer: others.length > 0 ? [answer, ...others] : answer, provenance, ...results },
    1,
  )
}

async function write(
  report: Report,
  outcome: Outcome,
  origin: Origin,
  base: string,
  out: string | undefined,
): Promise<void> {
  const { place, results = outcome.results, tables, page, answer } = report
  const folder = join(base, place ?? '')
  await tellWhatIsReplaced(folder, origin.provenance.command)
  const links = indexLinks(out, place === undefined ? 2 : 3)
  const { question } = outcome
  // In this order: see `Published`.
  await writeAllAtomically(folder, {
    'results.json': asJson(origin, { ...outcome, results, reports: [report] }) + '\n',
    ...tables,
    'report.html': page({ ...origin, question, answer, links }),
  })
}

/** Results of another command in this folder are not replaced silently: the note names the command that brings them back. */
async function tellWhatIsReplaced(folder: string, command: string): Promise<void> {
  const before = await readPublished(folder)
  if (before.mixed) printNote(`note: ${folder}: ${MIXED}; this run replaces them`)
  else if (before.command !== undefined && before.command !== command)
    printNote(`note: replaces the results of: ${before.command}`)
}

function show(
  { place, tables, text, styled }: Report,
  { done }: Outcome,
  folder: string,
  seconds: number,
): void {
  for (const paragraph of text) {
    if (styled) process.stdout.write(`${paragraph}\n\n`)
    else print(`${paragraph}\n`)
  }
  const report = `report: ${pathToFileURL(join(folder, place ?? '', 'report.html')).href}`
  if (done === undefined) return print(`${report}\n`)
  print(`${done} in ${seconds.toFixed(1)} s\n${report}`)
  print(`data:   ${folder}: ${['results.json', ...Object.keys(tables)].join(', ')}`)
}
