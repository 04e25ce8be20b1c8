// The report's sections on chance, on size, and on the SAEs; and its verdicts.
import { html } from '../lab/report/html.ts'
import type { ComponentChildren, VNode } from 'preact'
import type { AnalysedLayer, LayerQuality, Tested, Verdict } from '../lab/analysis/layer-analysis.ts'
import { curve, distributionStrip, type Grid } from '../lab/report/charts.ts'
import { count, showNumber } from '../lab/report/numbers.ts'
import { findingList, folded, layerParts, section } from '../lab/report/sections.ts'
import { dataTable, figure, lines, type Cell } from '../lab/report/tables.ts'
import { namedFeature, visible } from '../lab/report/tokens.ts'
import { layerName, linkTo, measureFigure } from './report-layers.ts'
import { ofCategory } from '../lab/analysis/by-category.ts'

/** Each claim of the post, whether it holds here, and, folded, the numbers behind that. */
export function verdictList(verdicts: readonly Verdict[]): VNode {
  return findingList(
    verdicts.map(({ claim, status, brief, detail }) => [
      ...[html`<strong>${claim}</strong>`, ': ', verdictBadge(status), ` (${visible(brief)}).`],
      folded('The figures', claim, html`<p class="detail">${visible(detail)}</p>`),
    ]),
  )
}

/** A verdict in its colour. */
export function verdictBadge(status: Verdict['status']): VNode {
  const state = {
    holds: 'yes',
    'does not hold': 'no',
    'cannot be told': 'open',
    'not tested': 'open',
  } as const
  const kind = status in state ? state[status as keyof typeof state] : 'partly'
  return html`<b class="verdict ${kind}">${status}</b>`
}

/** The scores that chance gives with the categories shuffled, and where the scores found are among them. */
export function chanceSection(document: Document, layers: readonly AnalysedLayer[]): VNode {
  const { permutations, seed } = layers[0].statistics
  const scores = layers.map(({ statistics }) => statistics.categories.map(({ score }) => score))
  const reached = Math.max(...scores.flat().map((score) => score.chance_q95))
  const parts = layers.map((layer, l) => {
    const beyond = scores[l].filter((score) => !score.within_chance).length
    return {
      title: `Layer ${layer.layer ?? '?'}`,
      note: `${beyond} of ${scores[l].length} categories beyond chance`,
      content: chanceFigure(document, layer),
    }
  })
  return section('chance', 'What chance gives', [
    html`<p>
      The categories were shuffled among the texts ${count(permutations, 'time')} (seed ${seed}), and each
      time the best feature for each was searched for again, among all features. Grey: how often each score
      came out. Line: the score that was found. Question mark: within chance, that is p above 0.05, corrected
      for the number of categories (Holm). A p-value belongs to this whole search: it says how often the best
      of all features does as well by chance, not how probable that is for the one feature that was found.
    </p>`,
    html`<aside class="notice" aria-label="How to read scores">
      <p>
        ${[html`<strong>A score of ${String(reached)} is not yet a specialist.</strong>`, ` With the categories shuffled, the best of all features still has a score of up to ${reached} in 95 % of the draws.`]}
      </p>
    </aside>`,
    layerParts(parts),
  ])
}

function chanceFigure(document: Document, layer: AnalysedLayer): VNode {
  const { categories } = layer.statistics
  const max = Math.max(...categories.map(({ score }) => Math.max(score.value, score.null_scores.length - 1)))
  const strips = html`<ul class="multiples">
    ${categories.map(({ category, score }) => {
      const about = {
        title: `${layerName(layer.layer)}, ${visible(category)}: score ${score.value}`,
        description: `95 % of the shuffles stay within ${score.chance_q95}; p ${showP(score)}.`,
      }
      const strip = { counts: score.null_scores, observed: score.value, max }
      return html`<li>
        <b>${visible(category)}${score.within_chance ? ' ?' : ''}</b
        >${distributionStrip(document, strip, about)}
      </li>`
    })}
  </ul>`
  return figure('The best score of all features, and what it is with the categories shuffled.', strips, {
    caption:
      `${layerName(layer.layer)}: the best score of all features, and the score needed to be beyond chance, corrected as p is; ` +
      'the best AUROC, which needs no threshold, and the value that 95 % of the shuffles stay within, without correction. ? means ' +
      'not beyond chance.',
    columns: ['Category', 'Best score', 'Features with it', 'AUROC', 'Its feature'],
    rows: categories.map(({ category, score, auroc }) => ({
      head: visible(category),
      cells: [
        tested(String(score.value), `needed ${score.needed ?? '–'}`, score),
        featureList(layer, category),
        auroc ? tested(auroc.value.toFixed(2), `chance ${auroc.chance_q95.toFixed(2)}`, auroc) : '–',
        auroc ? nameIn(layer, auroc.feature) : '–',
      ],
    })),
  })
}

const nameIn = ({ feature_tokens: tokens }: AnalysedLayer, feature: number): string =>
  namedFeature(feature, tokens[feature])

const LISTED = 3

/** All features that share the best score, as many as fit a cell. */
function featureList(layer: AnalysedLayer, name: string): ComponentChildren {
  const { features } = ofCategory(layer.categories, name).full_search
  if (features.length === 0) return '–'
  const shown = features.slice(0, LISTED).flatMap((feature, i) => {
    // Only the features that the analysis names have a card to link to.
    const link = feature in layer.firing_texts ? linkTo(layer, feature) : nameIn(layer, feature)
    return i === 0 ? [link] : [', ', link]
  })
  return features.length > LISTED ? [...shown, ` and ${features.length - LISTED} more`] : shown
}

function tested(value: string, chance: string, test: Tested): Cell {
  return lines(`${value}${test.within_chance ? ' ?' : ''}`, [chance, `p ${showP(test)}`])
}

const showP = ({ p_corrected }: Tested): string => p_corrected.toFixed(3)

/** Peaks by the length of the stream, scores at equal pairs, and scores from a low threshold to a high one. */
export function scaleSection(document: Document, layers: readonly AnalysedLayer[]): VNode {
  return section('scale', 'Or does everything grow?', [
    html`<p>
      From layer to layer the stream that the SAEs read gets longer, and with it every activation. Here its
      size is held fixed: peaks are divided by the stream’s mean length, and scores are taken at thresholds
      that leave equally many pairs of text and feature above them in every layer.
    </p>`,
    sizeTable(layers),
    layers.length > 1 && normFigure(document, layers),
    thresholdFigure(document, layers),
  ])
}

function sizeTable(layers: readonly AnalysedLayer[]): VNode {
  return dataTable({
    caption:
      'The stream’s mean length, the pairs of text and feature above the threshold, and the best scores added up over the categories: ' +
      'as they are, with the categories shuffled, and at equal numbers of pairs',
    columns: [
      ...['Layer', 'Stream length', 'Pairs', 'Sum of scores', 'By chance'],
      ...['At equal pairs', 'By chance then'],
    ],
    rows: layers.map(({ layer, pairs_above_threshold: pairs, statistics: s }) => ({
      head: layerName(layer),
      cells: [
        ...[s.stream_norm, pairs, s.sum_best_scores.observed, s.sum_best_scores.chance.mean],
        ...[s.equal_pairs?.sum_best_scores ?? null, s.equal_pairs?.chance.mean ?? null],
      ].map(showNumber),
    })),
  })
}

function normFigure(document: Document, layers: readonly AnalysedLayer[]): VNode {
  const range = (interval: [number, number] | null): string =>
    interval ? interval.map(showNumber).join('–') : '–'
  return measureFigure(document, layers, {
    title: 'Peak by the stream’s length',
    meaning: 'The peak activation in percent of the mean length of what the SAE read.',
    caption:
      'Peak in percent of the stream’s length; below it what 95 % of the resampled texts give for the peak and for the aggregate themselves',
    curveTitle: (category) => `Peak of ${category} in percent of the stream’s length`,
    value: ({ statistics }, name) => {
      const share = ofCategory(statistics.categories, name).peak_by_norm
      return share && 100 * share
    },
    detail: ({ statistics }, name) => {
      const { peak_interval, aggregate_interval } = ofCategory(statistics.categories, name)
      return [`peak ${range(peak_interval)}`, `sum ${range(aggregate_interval)}`]
    },
  })
}

function thresholdFigure(document: Document, layers: readonly AnalysedLayer[]): VNode | null {
  const drawn = layers.filter(({ statistics }) => statistics.threshold_curve.length > 0)
  if (drawn.length === 0) return null
  const quantiles = drawn[0].statistics.threshold_curve.map(
    ({ quantile }) => `q${Number((quantile * 100).toFixed(1))}`,
  )
  const charts = html`<ul class="multiples">
    ${drawn.map(({ layer, statistics: { threshold_curve: points } }) => {
      const observed = points.map(({ sum_best_scores: sum }) => sum)
      const chance = points.map((point) => point.chance.mean)
      const grid: Grid = { rows: ['found', 'by chance'], columns: quantiles, values: [observed, chance] }
      const steps = points.map((_, i) => `${quantiles[i]} ${observed[i]}, by chance ${showNumber(chance[i])}`)
      const title = `Layer ${layer ?? '?'}: sum of the best scores by threshold`
      return html`<li>
        <b>Layer ${layer ?? '?'}</b>${curve(document, grid, 0, { title, description: steps.join('; ') })}
      </li>`
    })}
  </ul>`
  const cell = ({ statistics: { threshold_curve: points } }: AnalysedLayer, q: number): Cell =>
    lines(String(points[q].sum_best_scores), [
      `chance ${showNumber(points[q].chance.mean)}`,
      count(points[q].pairs, 'pair'),
    ])
  return html`<h3>Whatever the threshold</h3>
    ${figure(
      'The best scores added up over the categories, from a low threshold to a high one; the faint line is for shuffled categories. ' +
        'The threshold is a quantile of the layer’s positive activations.',
      charts,
      {
        caption:
          'Sum of the best scores by threshold; below it the mean with shuffled categories, and the pairs above',
        columns: ['Threshold', ...drawn.map(({ layer }) => layerName(layer))],
        rows: quantiles.map((head, q) => ({ head, cells: drawn.map((layer) => cell(layer, q)) })),
      },
    )}`
}

/** How well each SAE rebuilds what it reads, and what it costs the model to continue from the reconstruction. */
export function qualitySection(layers: readonly AnalysedLayer[], note: string): VNode {
  const measured = layers.flatMap(({ layer, quality }) => (quality ? [{ layer, quality }] : []))
  return section('quality', 'How good the SAEs are', [
    html`<p>
      A feature can be no better than its SAE. L0: active features per token. Explained: the share of the
      stream’s variance that the reconstruction explains. Dead: active on none of these tokens; dense: active
      on more than a tenth of them. Loss: the model’s mean cross entropy in nats per token, including the
      prediction made at BOS. It is given for the model alone, and with the stream replaced at every position
      by the SAE’s reconstruction, by its mean row, and by zeros. Perplexity is e to the power of the loss:
      the number of equally likely tokens among which the model would be as unsure. SAE quality was ${note}.
    </p>`,
    html`<p>
      CE recovered is the share of the loss caused by an ablation that the reconstruction wins back. Against
      zeros it flatters: the later blocks have never met an empty stream, and with one they can do worse than
      a uniform guess, so nearly anything looks good beside it. Against the mean row it is stricter. The cost
      of the reconstruction, in nats, needs no comparison.
    </p>`,
    measured.length > 0 && qualityTable(measured),
  ])
}

function qualityTable(measured: readonly { layer: number | null; quality: LayerQuality }[]): VNode {
  const rows = measured.flatMap(({ layer, quality }) => [
    { head: layerName(layer), on: quality.texts },
    ...(quality.held_out ? [{ head: `${layerName(layer)} held out`, on: quality.held_out }] : []),
  ])
  return dataTable({
    caption: 'The SAEs on the texts, and on the held-out file if one was given',
    columns: [
      ...['Layer', 'Tokens', 'L0', 'Explained', 'Dead', 'Dense', 'Loss', 'In place', 'Costs', 'Perplexity'],
      ...['Mean row', 'Zeros', 'Recovered of mean', 'Of zeros'],
    ],
    rows: rows.map(({ head, on }) => ({
      head,
      cells: [
        ...[on.tokens, on.l0, on.explained_variance, on.dead_features, on.dense_features].map(showNumber),
        ...[on.ce_clean, on.ce_spliced, on.ce_spliced - on.ce_clean].map(showNumber),
        [on.ce_clean, on.ce_spliced].map((loss) => showNumber(Math.exp(loss))).join('\u00a0→\u00a0'),
        ...[on.ce_mean_ablated, on.ce_zero_ablated, on.ce_recovered_of_mean, on.ce_recovered].map(showNumber),
      ],
    })),
  })
}
