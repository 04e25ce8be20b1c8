// What the effects say together: contrasts between specialists and others, and rank correlations.
import { createRandom, type Random } from '../../engine/random.ts'
import type { Resamples } from '../lab/analysis/null-model.ts'
import {
  mean,
  percentileInterval,
  spearman,
  tooFewForRanks,
  tooFewForSign,
} from '../lab/analysis/statistics.ts'
import type { AblationResults, Contrast, Estimate, RankCorrelation, TestedFeature } from './effects.ts'
import { ofCategory } from '../lab/analysis/by-category.ts'

/** One comparison: a specialist in its category, and what it is compared with. */
interface Pair {
  readonly specialist: number
  readonly other: number
}

const key = ({ layer, category }: TestedFeature): string => `${layer} ${category}`

/**
 * What the specialists do beyond what others do, over (layer, category) pairs, which the bootstrap draws:
 * - random: loss on the category's texts, against the category's random features of about the same size;
 * - other_specialists: the same against the specialists of the other categories in that layer;
 * - other_categories: the specialist's effect on its own texts against its mean effect on the other categories';
 * - steering_random: KL on the category's texts where a vector of the same length is added.
 */
export function contrasts(features: readonly TestedFeature[], draws: Resamples): Contrast[] {
  const specialists = features.filter(({ kind }) => kind === 'specialist')
  const randoms = Map.groupBy(
    features.filter(({ kind }) => kind === 'random'),
    key,
  )
  const own = ({ removed, category }: TestedFeature) => ofCategory(removed, category).loss
  const ownSteered = ({ steered, category }: TestedFeature) => ofCategory(steered, category).kl
  const against: Record<Contrast['name'], (one: TestedFeature) => [number, number[]]> = {
    random: (one) => [own(one), (randoms.get(key(one)) ?? []).map(own)],
    other_specialists: (one) => [
      own(one),
      specialists
        .filter(({ layer, feature }) => layer === one.layer && feature !== one.feature)
        .map(({ removed }) => ofCategory(removed, one.category).loss),
    ],
    other_categories: (one) => [own(one), otherLosses(one)],
    steering_random: (one) => [ownSteered(one), (randoms.get(key(one)) ?? []).map(ownSteered)],
  }
  return Object.entries(against).flatMap(([name, sides]) => {
    const pairs = specialists
      .map(sides)
      .filter(([, others]) => others.length > 0)
      .map(([specialist, others]) => ({ specialist, other: mean(others) }))
    return pairs.length > 0 ? [contrast(name as Contrast['name'], pairs, draws)] : []
  })
}

function otherLosses({ removed, category }: TestedFeature): number[] {
  return removed.filter((one) => one.category !== category).map(({ loss }) => loss)
}

function contrast(name: Contrast['name'], pairs: readonly Pair[], { resamples, seed }: Resamples): Contrast {
  const random = createRandom(seed)
  const differences = pairs.map(({ specialist, other }) => specialist - other)
  const drawn = Array.from({ length: resamples }, () => mean(resample(differences, random)))
  return {
    name,
    specialist: mean(pairs.map(({ specialist }) => specialist)),
    other: mean(pairs.map(({ other }) => other)),
    difference: {
      value: mean(differences),
      interval: percentileInterval(drawn),
      too_few: tooFewForSign(pairs.length),
    },
    pairs: pairs.length,
  }
}

/** As many of the items as there are, drawn with replacement. */
function resample<T>(items: readonly T[], random: Random): T[] {
  return items.map(() => items[random.index(items.length)])
}

const PREDICTORS = ['score', 'auroc', 'size'] as const
const EFFECTS = [['removed', 'loss'], ['removed', 'kl'], ['steered', 'kl']] as const // prettier-ignore

/**
 * Does what is known about a feature beforehand (its score, AUROC or size) rank its effect on its category's texts? Within
 * each layer, and the mean of the layers: features of different layers are never ranked together. The bootstrap draws
 * features within each layer. A draw in which either side does not vary counts as 0, because it shows no order.
 */
export function correlations(features: readonly TestedFeature[], draws: Resamples): RankCorrelation[] {
  const layers = [...Map.groupBy(features, ({ layer }) => layer)]
  const rows: RankCorrelation[] = []
  for (const predictor of PREDICTORS)
    for (const [edit, measure] of EFFECTS) {
      const effect = `${edit}_${measure}` as RankCorrelation['effect']
      const groups = layers.map(([layer, tested]) => ({
        layer,
        points: tested.flatMap((one): Point[] => {
          const known = one[predictor]
          return known === null ? [] : [[known, ofCategory(one[edit], one.category)[measure]]]
        }),
      }))
      const each = groups.map(({ layer, points }) => ({ layer, groups: [points] }))
      const all = { layer: null, groups: groups.map(({ points }) => points) }
      for (const { layer, groups } of each.length > 1 ? [...each, all] : each)
        rows.push({
          ...{ layer, predictor, effect, features: groups.flat().length },
          rho: rankEstimate(groups, draws),
        })
    }
  return rows
}

type Point = readonly [known: number, effect: number]

function rankEstimate(
  groups: readonly (readonly Point[])[],
  { resamples, seed }: Resamples,
): Estimate | null {
  const random = createRandom(seed)
  const found = groups.map(rho)
  if (found.some((value) => value === null)) return null
  const drawn = Array.from({ length: resamples }, () =>
    mean(groups.map((points) => rho(resample(points, random)) ?? 0)),
  )
  return {
    value: mean(found as number[]),
    interval: percentileInterval(drawn),
    too_few: tooFewForRanks(groups.map(({ length }) => length)),
  }
}

function rho(points: readonly Point[]): number | null {
  return spearman(
    points.map(([known]) => known),
    points.map(([, effect]) => effect),
  )
}

/** The correlation over all layers; with a single layer, that layer's. */
export function overall(
  { correlations: rows }: Pick<AblationResults, 'correlations'>,
  predictor: RankCorrelation['predictor'],
  effect: RankCorrelation['effect'],
): RankCorrelation | undefined {
  return rows.findLast((row) => row.predictor === predictor && row.effect === effect)
}
