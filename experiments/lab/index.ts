// clearbox, clearbox/lab: models by name, texts from files, the analysis; and all of engine, gpt2 and sae. The rest is internal.
export * from './index-browser.ts'
export { analyse, type AnalysisOptions } from './analysis/analyse-texts.ts'
export { POST_THRESHOLD, parseThreshold, type ThresholdSpec } from './analysis/threshold.ts'
export { openModel, type OpenModel } from './models/models.ts'
export type { SourceOptions } from './models/source-options.ts'
export { OWN_TEXTS } from './texts/named-texts.ts'
export { loadTexts } from './texts/texts-node.ts'
