// The tables beside results.json.
import { csv } from '../lab/report/csv.ts'
import type { AttributionResults, NeuronShare } from './results.ts'

/** neurons: all of them, where results.json has the strongest */
export function csvTables(
  results: AttributionResults,
  neurons: readonly NeuronShare[],
): Record<string, string> {
  const { parts, biases, heads, saes, features, patching, clean } = results
  const direct = [
    ...[...parts, ...biases].map(({ hook, share }) => [hook, null, share]),
    ...heads.map(({ hook, head, share }) => [hook, head, share]),
    ...neurons.map(({ hook, neuron, share }) => [hook, neuron, share]),
    ...saes.flatMap(({ hook, bias, error }) => [
      [`${hook}.sae_bias`, null, bias],
      [`${hook}.hook_sae_error`, null, error],
    ]),
  ]
  const sources = heads.flatMap(({ hook, head, sources }) =>
    sources.map((share, position) => [hook, head, position, clean[position], share]),
  )
  const patched = patching?.rows.flatMap(({ hook, head, patching: effects, attribution }) =>
    effects.map((effect, i) => [hook, head, patching.positions[i], effect, attribution[i]]),
  )
  return {
    'direct.csv': csv('hook,index,share', direct),
    'sources.csv': csv('hook,head,position,token,share', sources),
    'features.csv': csv(
      'hook,feature,position,token,activation,direct,gradient,integrated,ablation',
      features.map((row) => [
        ...[row.hook, row.feature, row.position, row.token, row.activation],
        ...[row.direct, row.gradient, row.integrated, row.ablation],
      ]),
    ),
    ...(patched && { 'patching.csv': csv('hook,head,position,patching,attribution', patched) }),
  }
}
