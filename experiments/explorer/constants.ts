// What the build tells the code: where the model is, and the lines of source to show.
import type { Sources } from './sources-shape.ts'
import type { ModelFiles } from './worker/files.ts'

/** The build replaces these names with what it knows (build/bundle.ts). Outside a build they do not exist. */
declare const FILES: ModelFiles
declare const SOURCES: Sources

/** What lies beside the page. */
export const files = FILES

/** The lines of source that the page shows. */
export const sources = SOURCES
