// The tables beside results.json.
import { csv } from '../lab/report/csv.ts'
import type { AblationResults } from './effects.ts'

/** A row for each tested feature, edit and category of texts. */
export function effectsCsv({ features }: AblationResults): string {
  const head =
    'layer,feature,kind,chosen_for,score,auroc,size,fires_in,steering_length,edit,texts_of,loss,kl,flips'
  const rows = features.flatMap((one) =>
    (['removed', 'steered'] as const).flatMap((edit) =>
      one[edit].map(({ category, loss, kl, flips }) => [
        ...[one.layer, one.feature, one.kind, one.category, one.score, one.auroc],
        ...[one.size, one.fires_in, one.steering_length, edit, category, loss, kl, flips],
      ]),
    ),
  )
  return csv(head, rows)
}

/** A row for each layer (empty: the mean of all), predictor and effect. */
export function correlationsCsv({ correlations }: AblationResults): string {
  const rows = correlations.map(({ layer, predictor, effect, features, rho }) => [
    ...[layer, predictor, effect, features],
    ...[rho?.value, ...(rho?.interval ?? [null, null])],
  ])
  return csv('layer,predictor,effect,features,rho,low,high', rows)
}
