// The table beside results.json.
import { csv } from '../lab/report/csv.ts'
import type { Convention, Losses, MeasuredSae } from './measure.ts'

/** One row per SAE and convention; all but the losses is the same in both. */
export function qualityCsv(saes: readonly MeasuredSae[]): string {
  const shared = [
    ...['hook', 'hook_out', 'architecture', 'd_sae', 'texts', 'tokens', 'l0', 'l1', 'explained_variance'],
    ...['mse', 'cosine', 'dead_features', 'dense_features'],
  ] as const satisfies (keyof MeasuredSae)[]
  const losses = Object.keys(saes[0].losses.clearbox) as (keyof Losses)[]
  const number = (value: number) => (Number.isNaN(value) ? null : value)
  return csv(
    [...shared, 'published_l0', 'published_explained_variance', 'convention', ...losses].join(),
    saes.flatMap((sae) =>
      (Object.keys(sae.losses) as Convention[]).map((convention) => [
        ...shared.map((name) => sae[name]),
        ...[sae.published.l0, sae.published.explained_variance, convention],
        ...losses.map((name) => number(sae.losses[convention][name])),
      ]),
    ),
  )
}
