// "def add(" through the bundled model, number by number, each beside the line of code that makes it.
//   npm run tour
//   npm run tour -- gradients           how weights come to be
import { Argument } from 'commander'
import { createCommand, runMain } from '../lab/cli/cli.ts'
import { print, printJson } from '../lab/cli/print.ts'
import { walkBack } from './gradients.ts'
import { walk } from './walk.ts'
import { showWalk } from './show.ts'

const command = createCommand('tour', 'one text through the bundled model, number by number')
  .addArgument(
    new Argument('[way]', 'forward: through the model; gradients: how weights are learned')
      .choices(['forward', 'gradients'])
      .default('forward'),
  )
  .parse()

runMain(async () => {
  const stops = command.args[0] === 'gradients' ? await walkBack() : await walk()
  if (command.opts<{ json?: boolean }>().json) printJson({ stops }, 1)
  else print(showWalk(stops))
})
