// How a command is called: `npm run first --` in a clone, `npx clearbox first` from the package.

let fromPackage = false

/** Said once by the package's one program, before it loads a command. */
export function calledFromPackage(): void {
  fromPackage = true
}

/** Texts name commands as a clone has them; from the package they become `npx clearbox NAME`. */
export function asCalled(text: string): string {
  if (!fromPackage) return text
  return text.replace(/\bnpm (?:run (?:-s )?([a-z][a-z:-]*)|(start))( --(?= |$))?/gm, 'npx clearbox $1$2')
}
