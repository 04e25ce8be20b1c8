// The options that say where a model comes from.

/** Whether a model may be fetched, and from where. */
export interface SourceOptions {
  /** No progress is shown, and no note printed. */
  readonly quiet?: boolean
  /** Nothing is fetched. */
  readonly offline?: boolean
  /** A folder of a known model's files, to be used instead of the hub and its cache. */
  readonly dir?: string
  /** SAEs in place of the model's own: a release, a folder, a file, or a repository of the hub. */
  readonly saes?: string
}
