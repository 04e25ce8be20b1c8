// What is known of a file beside the page.
/** A file beside the page: where it lies from the page's folder on, and what it must hold. */
export interface FileFacts {
  readonly path: string
  readonly bytes: number
  /** In hexadecimal. */
  readonly sha256: string
}
