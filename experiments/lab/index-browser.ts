// clearbox, clearbox/lab on a page: what needs neither files nor Node. A page fetches its model: clearbox/gpt2's loadGpt2.
export * from '../../engine/index.ts'
export * from '../../gpt2/index.ts'
export * from '../../sae/index.ts'
export { analyseLayer } from './analysis/analyse-layer.ts'
export { rowsByCategory, type Category } from './analysis/input.ts'
export type { LayerAnalysis } from './analysis/layer-analysis.ts'
export { captureStreams, encodeStream } from './models/features.ts'
export { parseJsonLinesTexts, parseJsonTexts, type LabelledText } from './texts/texts.ts'
