import * as assert from 'uvu/assert'
import { UserError } from '../../experiments/lab/cli/user-error.ts'

/** The message of the UserError that `work` fails with. */
export async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.instance(error, UserError)
  return (error as UserError).message
}
