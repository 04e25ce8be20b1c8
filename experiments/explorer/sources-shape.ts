// What a shown piece of source is.
/** The steps that the page can show the source of. */
export type Step =
  | 'tokens'
  | 'features'
  | 'edit'
  | 'card'
  | 'attention'
  | 'mlp'
  | 'lens'
  | 'next'
  | 'write'
  | 'why'
  | 'patch'
  | 'library'
  | 'superposition'

/** Some lines of a file of this project. */
export interface Snippet {
  /** From the repository's folder on. */
  readonly file: string
  /** The first line's number, counted from 1. */
  readonly line: number
  readonly code: string
}

export type Sources = Readonly<Record<Step, readonly Snippet[]>>
