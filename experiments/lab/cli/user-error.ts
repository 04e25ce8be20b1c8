// The one error that commands print without a stack; it stands alone so that pages and libraries can throw it.
/** A fault that the user can mend: the command prints its message as one line, without a stack. */
export class UserError extends Error {
  override name = 'UserError'
}
