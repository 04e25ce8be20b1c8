// All exercises, in the order in which they are best done.
import { attention } from './attention/exercise.ts'
import { backward } from './backward/exercise.ts'
import { bpe } from './bpe/exercise.ts'
import type { Exercise } from './exercise.ts'
import { explainedVariance } from './explained-variance/exercise.ts'
import { findHead } from './find-head/exercise.ts'
import { gpuKernel } from './gpu-kernel/exercise.ts'
import { headAblation } from './head-ablation/exercise.ts'
import { kvCache } from './kv-cache/exercise.ts'
import { layerNorm } from './layer-norm/exercise.ts'
import { logitLens } from './logit-lens/exercise.ts'
import { product } from './product/exercise.ts'
import { rotation } from './rotation/exercise.ts'
import { saeEncode } from './sae-encode/exercise.ts'
import { softmax } from './softmax/exercise.ts'
import { specialist } from './specialist/exercise.ts'
import { splice } from './splice/exercise.ts'

export const EXERCISES: readonly Exercise[] = [
  softmax,
  layerNorm,
  bpe,
  attention,
  kvCache,
  logitLens,
  headAblation,
  findHead,
  rotation,
  saeEncode,
  splice,
  explainedVariance,
  specialist,
  backward,
  gpuKernel,
  product,
]
