// "def add(" through the bundled model, number by number, each beside the line of code that makes it.
//   npm run tour
import { createCommand, runMain } from '../lab/cli/cli.ts'
import { print, printJson } from '../lab/cli/print.ts'
import { walk } from './walk.ts'
import { showWalk } from './show.ts'

const command = createCommand('tour', 'one text through the bundled model, number by number').parse()

runMain(async () => {
  const stops = await walk()
  if (command.opts<{ json?: boolean }>().json) printJson({ stops }, 1)
  else print(showWalk(stops))
})
