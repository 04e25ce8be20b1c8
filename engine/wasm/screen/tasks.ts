// The screen's tasks.
import { partOf, ranged, task } from '../threads/task.ts'
import { TALLY_BYTES } from './layout.ts'

/** Each chunk has room for a padded row in `copies`. */
const quantizeRows = task(
  'x rows inputs padded values residuals constants large leftOut copies rounding slack factor perChunk',
  (args, { kernels, chunk }) => {
    const copy = args.copies + chunk * args.padded * 4
    kernels.quantizeRows({ ...args, ...partOf({ last: args.rows, perChunk: args.perChunk }, chunk), copy })
  },
)

/** A chunk, of groups of columns, has its own tallies [chunks][rows], and `places` [chunks] says where its entries go. */
const screen = task(
  'rows padded values residuals constants int8 columns x inputs weights bias most leftOut tallies places last perChunk',
  (args, { kernels, chunk, scratch }) => {
    const tallies = args.tallies + chunk * args.rows * TALLY_BYTES
    kernels.screen({ ...args, ...partOf(args, chunk), tallies, place: args.places + chunk * 4, scratch })
  },
)

/** One chunk of work: the entries of all of the screen's chunks, from `starts` [chunks] to `ends`, one after the other. */
const scatter = task('chunks starts ends next indices values', (args, { kernels }) => {
  for (let i = 0; i < args.chunks; i++)
    kernels.scatter({ ...args, start: args.starts + i * 4, end: args.ends + i * 4 })
})

export const SCREEN_TASKS = { quantizeColumns: ranged('quantizeColumns'), quantizeRows, screen, scatter }
