// "def add(" through the bundled model, number by number, each beside the line of code that makes it.
//   npm run tour
//   npm run tour -- gradients           how weights come to be
//   npm run tour -- attention           one layer, forward and back
import { Argument } from 'commander'
import { createCommand, runMain } from '../lab/cli/cli.ts'
import { print, printJson } from '../lab/cli/print.ts'
import { walkAttention } from './attention.ts'
import { walkBack } from './gradients.ts'
import { walk } from './walk.ts'
import { showWalk } from './show.ts'

const WAYS = { forward: walk, gradients: walkBack, attention: walkAttention }

const command = createCommand('tour', 'one text through the bundled model, number by number')
  .addArgument(
    new Argument(
      '[way]',
      'forward through the model; gradients: how weights are learned; attention: one layer, forward and back',
    )
      .choices(Object.keys(WAYS))
      .default('forward'),
  )
  .parse()

runMain(async () => {
  const stops = await WAYS[command.processedArgs[0] as keyof typeof WAYS]()
  if (command.opts<{ json?: boolean }>().json) printJson({ stops }, 1)
  else print(showWalk(stops))
})
