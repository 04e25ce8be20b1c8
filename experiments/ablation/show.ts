// How correlations are shown: the same in the terminal and in the report.
import { showSigned } from '../lab/report/numbers.ts'
import type { AblationResults, RankCorrelation } from './effects.ts'

const predictorNames: Record<RankCorrelation['predictor'], string> = {
  score: 'score',
  auroc: 'AUROC',
  size: 'size',
}

const effectNames: Record<RankCorrelation['effect'], string> = {
  removed_loss: 'loss, taken out',
  removed_kl: 'KL, taken out',
  steered_kl: 'KL, turned up',
}

/** `+0.42 [+0.10, +0.66]` */
export function showRho({ rho }: RankCorrelation): string {
  return rho
    ? `${showSigned(rho.value, 2)} [${rho.interval.map((end) => showSigned(end, 2)).join(', ')}]`
    : '–'
}

/** A row for each predictor and effect; layers as columns, then the mean of them. */
export function correlationGrid({ correlations }: AblationResults) {
  const layers = [...new Set(correlations.map(({ layer }) => layer))]
  const groups = Map.groupBy(correlations, ({ predictor, effect }) => `${predictor} ${effect}`)
  return {
    columns: layers.map((layer) => (layer === null ? 'mean' : `layer ${layer}`)),
    rows: [...groups.values()].map((cells) => ({
      name: `${predictorNames[cells[0].predictor]} and ${effectNames[cells[0].effect]}`,
      cells,
    })),
  }
}
