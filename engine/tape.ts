/*
 * A backend that wraps another, computes what it computes, and records the steps: reverse-mode differentiation.
 *
 *     const dW = await record(ops, async (tape) => {
 *       const y = await tape.linear(tape.upload(x), layer)
 *       const gradients = await tape.backward(y, tape.upload(dY), [layer]) // dY: how much each number of y counts
 *       return tape.download(gradients.of(layer).weight)
 *     })
 *
 * Model code is given the tape in place of its backend and does not notice. Each op adds a step to a list: its output, its
 * inputs, and its rule (tape-ops.ts). `backward` walks the list from its end and adds up the gradients that reach each
 * tensor: one that was used twice gets them from both uses. Tensors are the inner backend's own, told apart by identity, so
 * every bit is what it would be without a tape.
 *
 * Memory: `record` runs in one scope of the inner backend, at whose end all is freed. A scope that model code opens inside
 * frees what was made there, but for what it returns and what a rule will need.
 *
 * What goes to host memory leaves the tape: `download` and `topK` return numbers whose gradient ends there. Sparse rows
 * are in host memory, and told apart by identity; rows made elsewhere are refused unless `constant` says that a gradient may end there.
 */
import type { Backend, DeviceTensor } from './backend.ts'
import { rulesOf } from './backward.ts'
import { GatheredGradients, type Gradient, type Gradients, type Source } from './gradients.ts'
import type { SparseRows } from './sparse.ts'
import { recordedOps, type Made, type Step } from './tape-ops.ts'
import { showShape, Tensor, type Shape } from './tensor.ts'

/** A backend whose ops are remembered. `append` is refused: a cache has no gradients. */
export interface Tape extends Backend {
  /**
   * The gradients of the sum of output * gradient with respect to `sources`: tensors that the tape met, sparse rows that it
   * made, prepared weights. Only what lies between them and the output is computed. May be called more than once.
   * @throws if the tape did not make `output`, `gradient` has another shape, or a source stands `beside`
   */
  backward(output: DeviceTensor, gradient: DeviceTensor, sources: readonly Source[]): Promise<Gradients>
  /** Lets sparse rows that the tape did not make be decoded: a gradient ends there. Returns x itself. */
  constant(x: SparseRows): SparseRows
  /** Says that nothing flows back to x, because the host computed it: asking for its gradient is an error that says `name`. */
  beside(x: DeviceTensor, name: string): void
}

/**
 * Runs `work` with a tape over `ops`. All memory that the tape took is freed when `work` ends: download what is to be
 * kept. @throws if the backend has no backward rules
 */
export async function record<Result>(ops: Backend, work: (tape: Tape) => Promise<Result>): Promise<Result> {
  rulesOf(ops)
  let result: { readonly value: Result } | undefined
  await ops.scope(async (inner) => {
    result = { value: await work(new Recorder(inner).tape(new Set())) }
  })
  return result!.value
}

class Recorder {
  readonly #inner: Backend
  readonly #steps: Step[] = []
  /** From a tensor to the one whose memory it shows under another shape. */
  readonly #roots = new Map<object, object>()
  /** Tensors that rules need. */
  readonly #saved = new Set<object>()
  /** Tensors of the host's making, by name. */
  readonly #beside = new Map<object, string>()
  /** Sparse rows that may be decoded. */
  readonly #known = new Set<SparseRows>()

  constructor(inner: Backend) {
    this.#inner = inner
  }

  rootOf<X extends object>(x: X): X {
    return (this.#roots.get(x) as X | undefined) ?? x
  }

  reshape(x: DeviceTensor, shape: Shape): DeviceTensor {
    if (showShape(x.shape) === showShape(shape)) return x
    const reshaped = this.#inner.reshape(x, shape)
    this.#roots.set(reshaped, this.rootOf(x))
    return reshaped
  }

  async backward(
    output: DeviceTensor,
    gradient: DeviceTensor,
    sources: readonly Source[],
  ): Promise<Gradients> {
    const made = this.rootOf(output)
    if (!this.#steps.some((step) => step.made === made))
      throw new Error(`backward: this tape did not make the output ${showShape(output.shape)}`)
    if (showShape(gradient.shape) !== showShape(output.shape))
      throw new Error(
        `backward: the output is ${showShape(output.shape)}, but its gradient ${showShape(gradient.shape)}: give one of its shape`,
      )
    const asked = new Set<object>(sources.map((source) => this.rootOf(source)))
    for (const source of asked) {
      const name = this.#beside.get(source)
      if (name !== undefined)
        throw new Error(
          `backward: ${name} is computed by the host, outside the pass, so it has no gradient: ask at another hook`,
        )
    }
    const wanted = new Set(asked) // all that depends on a source
    for (const { made, from, weights } of this.#steps)
      if (from.some((x) => wanted.has(x)) || (weights && wanted.has(weights))) wanted.add(made)
    const gradients = new GatheredGradients(this.#inner, asked, this.rootOf(gradient), this)
    await gradients.add(made, gradient)
    for (const step of this.#steps.toReversed()) {
      const dY = gradients.take(step.made)
      if (dY && wanted.has(step.made)) await this.#pull(step, dY, wanted, gradients)
    }
    return gradients
  }

  /** Takes the gradient of what a step made through the step's rule. */
  async #pull(
    { from, weights, rule }: Step,
    dY: Gradient,
    wanted: ReadonlySet<object>,
    gradients: GatheredGradients,
  ): Promise<void> {
    const ofWeights = weights && wanted.has(weights) ? gradients.of(weights) : undefined
    let parts: readonly (Gradient | undefined)[] = []
    await this.#inner.scope(async (ops) => {
      const wants = (i: number) => wanted.has(from[i])
      parts = await rule(dY as never, { ops, rules: rulesOf(ops), wants, weights: ofWeights })
      return parts.filter((part) => part !== undefined && 'shape' in part)
    })
    for (const [i, part] of parts.entries())
      if (part && wanted.has(from[i])) await gradients.add(from[i], part)
      else if (part && part !== dY) gradients.drop(part)
    gradients.drop(dY)
  }

  /** The tape as a scope sees it: what is `made` through it is freed when the scope ends. */
  tape(made: Set<DeviceTensor>): Tape {
    const inner = this.#inner
    const note = <M extends Made>(
      step: Step & { readonly made: M },
      saved: readonly DeviceTensor[] = [],
    ): M => {
      if ('offsets' in step.made) this.#known.add(step.made)
      else made.add(step.made)
      for (const x of saved) this.#saved.add(this.rootOf(x))
      this.#steps.push({ ...step, from: step.from.map((x) => this.rootOf(x)) })
      return step.made
    }
    const checkKnown = (op: string, x: SparseRows) => {
      if (this.#known.has(x)) return
      throw new Error(
        `${op} on a tape: the sparse rows ${showShape(x.shape)} were made elsewhere, so a gradient would silently end here: ` +
          'edit features by scaleEntries, or pass constant(rows)',
      )
    }
    return {
      ...recordedOps(inner, note, checkKnown),
      name: inner.name,
      mode: inner.mode,
      get screening() {
        return inner.screening
      },
      backward: (output, gradient, sources) => this.backward(output, gradient, sources),
      constant: (x) => {
        this.#known.add(x)
        return x
      },
      beside: (x, name) => {
        this.#beside.set(this.rootOf(x), name)
      },
      upload: (tensor) => {
        const x = inner.upload(new Tensor(tensor.shape, tensor.data))
        made.add(x)
        return x
      },
      download: async (x) => {
        const { shape, data } = await inner.download(x)
        return new Tensor(shape, data) // so that what is uploaded again is another tensor, on any backend
      },
      reshape: (x, shape) => this.reshape(x, shape),
      scope: async (work) => {
        const inside = new Set<DeviceTensor>()
        const result = await work(this.tape(inside))
        const returned = (Array.isArray(result) ? result : result ? [result] : []) as DeviceTensor[]
        const kept = new Set(returned.map((x) => this.rootOf(x)))
        for (const x of inside)
          if (kept.has(x)) made.add(x)
          else if (!this.#saved.has(x)) inner.release(x)
        return result
      },
      release: (resource) => {
        if (!this.#saved.has(this.rootOf(resource))) inner.release(resource)
      },
      prepareLinear: (...args) => inner.prepareLinear(...args),
      prepareEncoder: (...args) => inner.prepareEncoder(...args),
      prepareTable: (...args) => inner.prepareTable(...args),
      prepareNorm: (...args) => inner.prepareNorm(...args),
      createCache: (...args) => inner.createCache(...args),
      dispose: () => inner.dispose(),
    }
  }
}
