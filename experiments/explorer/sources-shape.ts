// The shape of a shown piece of source.
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
  /** Path from the repository's folder. */
  readonly file: string
  /** The first line's number, counted from 1. */
  readonly line: number
  readonly code: string
}

export type Sources = Readonly<Record<Step, readonly Snippet[]>>
