// What is in a model's or an SAE's folder, and how much of it is understood? Nothing is computed.
//   npm run doctor -- path/to/folder
// Prints file by file and field by field what was read, and what cannot be run, and why.
import { stat } from 'node:fs/promises'
import { createCommand, runMain } from '../../lab/cli/cli.ts'
import { print, printJson } from '../../lab/cli/print.ts'
import { UserError } from '../../lab/cli/user-error.ts'
import { examineFolder, type Diagnosis } from './examine.ts'

const command = createCommand(
  'doctor',
  'check what is understood of a model’s or an SAE’s folder, before anything is computed',
)
  .argument(
    '<folder>',
    'config.json with weights and tokenizer, cfg.json with sae_weights.safetensors, a folder of such SAEs, or PyTorch files (.pt, .pkl, .pkl.gz)',
  )
  .addHelpText(
    'after',
    `
Exit code 1 if anything in it cannot be run.

Examples:
  npm run doctor -- gpt2/tiny
  npm run doctor -- sae/tiny`,
  )
  .parse()

runMain(async () => {
  const [folder] = command.args
  if (!(await stat(folder).catch(() => undefined)))
    throw new UserError(`${folder}: expected a folder or a PyTorch file, found nothing`)
  const parts = await examineFolder(folder)
  if (parts.length === 0)
    throw new UserError(
      `${folder}: expected config.json (a model), cfg.json or a PyTorch file (an SAE) in it or its subfolders, found none`,
    )
  if (command.opts<{ json?: boolean }>().json) printJson({ folder, parts }, 1)
  else for (const part of parts) print(show(part))
  if (parts.some(({ problem }) => problem !== undefined)) process.exitCode = 1
})

function show({ what, file, understood, notRead, problem }: Diagnosis): string {
  const width = Math.max(0, ...Object.keys(understood).map((name) => name.length))
  return [
    `${what}: ${file}`,
    ...Object.entries(understood).map(([name, value]) => `  ${name.padEnd(width)}  ${value}`),
    ...(notRead.length > 0 ? [`  not read, so without effect here: ${notRead.join(', ')}`] : []),
    problem === undefined ? '  ok' : `  CANNOT BE RUN: ${problem}`,
    '',
  ].join('\n')
}
