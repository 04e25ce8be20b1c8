// How well an SAE does.
import type { SparseRows } from '../engine/sparse.ts'
import type { Tensor } from '../engine/tensor.ts'

/** How well an SAE does, over all tokens it is shown (BOS left out). */
export interface SaeQuality {
  readonly tokens: number
  /** Mean number of active features per token. */
  readonly l0: number
  /** 1 - sum |x - x_hat|^2 / sum |x - mean(x)|^2, the mean taken over tokens, per dimension. */
  readonly explainedVariance: number
  /** Mean over tokens of the sum of activations. */
  readonly l1: number
  /** Mean over tokens of |x - x_hat|^2, summed over dimensions. */
  readonly mse: number
  /** Mean over tokens of x . x_hat / (|x| |x_hat|); 0 where either vector is zero. */
  readonly cosine: number
  /** Features active on none of the tokens shown. With few tokens many features just have no occasion to fire. */
  readonly deadFeatures: number
  /** Features active on more than a tenth of the tokens: often they stand for a position or a size rather than a meaning, which is not tested here. */
  readonly denseFeatures: number
}

const DENSE = 0.1

/** Gathers SaeQuality text by text, so that no more than one text's stream is held. Sums in float64. */
export class QualityMeter {
  readonly #sum: Float64Array // of x, per dimension
  readonly #sumOfSquares: Float64Array
  readonly #firings: Uint32Array // tokens on which each feature is active
  #tokens = 0
  #active = 0
  #activity = 0
  #squaredError = 0
  #cosines = 0

  constructor(dIn: number, dSae: number) {
    this.#sum = new Float64Array(dIn)
    this.#sumOfSquares = new Float64Array(dIn)
    this.#firings = new Uint32Array(dSae)
  }

  /** x and its reconstruction [tokens, d_in], features [tokens, d_sae]; leaves out the first `skip` rows (BOS). */
  add(x: Tensor, reconstruction: Tensor, features: SparseRows, skip = 1): void {
    const [tokens, dIn] = x.shape
    this.#tokens += tokens - skip
    for (let t = skip; t < tokens; t++) {
      let [product, square, squareRebuilt] = [0, 0, 0]
      for (let i = 0; i < dIn; i++) {
        const [value, rebuilt] = [x.data[t * dIn + i], reconstruction.data[t * dIn + i]]
        product += value * rebuilt
        square += value * value
        squareRebuilt += rebuilt * rebuilt
        this.#sum[i] += value
        this.#sumOfSquares[i] += value * value
        this.#squaredError += (value - rebuilt) ** 2
      }
      if (product !== 0) this.#cosines += product / Math.sqrt(square * squareRebuilt)
      this.#active += features.offsets[t + 1] - features.offsets[t]
      for (let entry = features.offsets[t]; entry < features.offsets[t + 1]; entry++) {
        this.#firings[features.indices[entry]]++
        this.#activity += Math.abs(features.values[entry])
      }
    }
  }

  /** On what share of the tokens each feature is active, [d_sae]. */
  densities(): Float64Array {
    return Float64Array.from(this.#firings, (tokens) => tokens / this.#tokens)
  }

  /** The mean of x over tokens, [d_in]. */
  mean(): Float32Array {
    return Float32Array.from(this.#sum, (sum) => sum / this.#tokens)
  }

  quality(): SaeQuality {
    let variance = 0 // sum over dimensions of sum x^2 - (sum x)^2 / n
    for (let i = 0; i < this.#sum.length; i++)
      variance += this.#sumOfSquares[i] - this.#sum[i] ** 2 / this.#tokens
    return {
      tokens: this.#tokens,
      l0: this.#active / this.#tokens,
      l1: this.#activity / this.#tokens,
      mse: this.#squaredError / this.#tokens,
      explainedVariance: 1 - this.#squaredError / variance,
      cosine: this.#cosines / this.#tokens,
      deadFeatures: this.#firings.filter((tokens) => tokens === 0).length,
      denseFeatures: this.#firings.filter((tokens) => tokens > DENSE * this.#tokens).length,
    }
  }
}

/** Mean cross-entropy in nats per token: the model alone, with the SAE spliced in, and with zeros, say, in its place. */
interface SpliceLosses {
  readonly clean: number
  readonly spliced: number
  readonly ablated: number
}

/** (CE_ablated - CE_spliced) / (CE_ablated - CE_clean): 1 if splicing costs nothing, 0 if it is no better than the ablation. */
export function lossRecovered({ clean, spliced, ablated }: SpliceLosses): number {
  return (ablated - spliced) / (ablated - clean)
}
