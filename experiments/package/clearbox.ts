#!/usr/bin/env node
// `npx clearbox NAME ...`: the npm scripts of a clone as subcommands of one program.
import { Command } from 'commander'
import { runMain } from '../lab/cli/cli.ts'
import { calledFromPackage } from '../lab/cli/called.ts'
import { COMMANDS } from './commands.ts'

calledFromPackage()

const program = new Command('npx clearbox')
  .description('GPT-2 and its sparse autoencoders in code that can be read')
  .helpOption('-h, --help', 'show this help; npx clearbox NAME --help shows the options of a command')
  .exitOverride((stop) => process.exit(stop.exitCode === 0 ? 0 : 2))
  .showHelpAfterError('see the commands with: npx clearbox --help')
  .configureHelp({ subcommandTerm: (command) => command.name() })
  .helpCommand(false)

for (const [name, { description, load }] of Object.entries(COMMANDS))
  program
    .command(name)
    .description(description)
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async () => {
      // A command reads the arguments behind its own name.
      process.argv.splice(2, 1)
      await load()
    })

runMain(async () => void (await program.parseAsync()))
