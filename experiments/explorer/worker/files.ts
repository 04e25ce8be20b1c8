/** A file beside the page: where it lies from the page's folder on, and what it must hold. */
export interface FileFacts {
  readonly path: string
  readonly bytes: number
  /** In hexadecimal. */
  readonly sha256: string
}

/** All that the worker may ask for. Configurations are so small that they stand here as they are, as JSON. */
export interface ModelFiles {
  /** The model's name. */
  readonly name: string
  readonly config: string
  readonly weights: FileFacts
  readonly saes: readonly SaeFiles[]
  /** The bundled texts, as experiments/common/texts.ts reads them. */
  readonly texts: FileFacts
}

export interface SaeFiles {
  readonly config: string
  readonly weights: FileFacts
  /** Its features on all tokens of the bundled texts: sparse-file.ts. */
  readonly activations: FileFacts
}
