// Imported before a script (cli.ts, stopScript): the process sends itself a signal when a file gets its name for the nth time.
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { basename } from 'node:path'

const [name, times, signal] = process.env.STOP_AT!.split(' ')
const { rename } = promises
let seen = 0

promises.rename = async (from, to) => {
  await rename(from, to)
  if (basename(String(to)) === name && ++seen === Number(times)) process.kill(process.pid, signal)
}
syncBuiltinESMExports()
