// What is known about a file beside the page.
/** A file beside the page: its path from the page's folder, and what it must hold. */
export interface FileFacts {
  readonly path: string
  readonly bytes: number
  /** In hexadecimal. */
  readonly sha256: string
}
