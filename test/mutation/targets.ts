// What is mutated, and which test files (by words in their paths) are asked.

export const TARGETS: Readonly<
  Record<string, { readonly files: readonly string[]; readonly tests: readonly string[] }>
> = {
  'engine/reference': {
    files: ['engine/reference/*.ts'],
    tests: ['/ops', 'checks', 'failed-load', 'gpt2.test'],
  },
  sae: {
    files: ['sae/{config,decoder,encoder,metrics,pooling,splice,weights}.ts'],
    tests: ['/sae', 'failed-load', 'feature-directions', 'model-folder'],
  },
  'lab/analysis': {
    files: ['experiments/lab/analysis/*.ts', 'experiments/lab/analysis/features/*.ts'],
    tests: [
      ...['/analysis.test', 'statistics', 'verdicts', 'replication', '/feature', 'black-box-csv'],
      ...['analyse-cli', '/form-or-idea.test', 'start-faults'],
    ],
  },
  'black-box': {
    files: ['experiments/black-box/{depth-verdicts,verdicts,compare-layers}.ts'],
    tests: ['verdicts', 'black-box', '/analysis.test'],
  },
  'form-or-idea': {
    files: [
      'experiments/form-or-idea/{analysis,answer,design,jackknife,similarity,specialists,token-kinds}.ts',
    ],
    tests: ['/form-or-idea.test'],
  },
  ablation: {
    files: [
      'sae/edit.ts',
      'experiments/ablation/{ablate,choose,conclude,continuations,effects,findings,measure}.ts',
    ],
    tests: ['/ablation.test'],
  },
  hub: { files: ['experiments/lab/models/hub/*.ts'], tests: ['/hub', 'known-models'] },
}
