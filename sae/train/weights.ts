// The weights of an SAE in training.
import type { Backend, DeviceTensor, Encoder, Table } from '../../engine/backend.ts'
import type { Random } from '../../engine/random.ts'
import { freedOnFailure } from '../../engine/scope.ts'
import type { Selection } from '../../engine/selection.ts'
import { Tensor } from '../../engine/tensor.ts'
import type { Parameter } from '../../engine/train/optimizer.ts'
import { sourceOf } from '../../engine/weights/weights.ts'
import type { SaeConfig } from '../config.ts'

/** What is trained, and an encoder that is made anew from it before each step. */
export interface TrainingSae {
  readonly ops: Backend
  readonly config: SaeConfig
  /** [d_sae, d_in], one row per feature as in W_dec, so that a feature's gradient is one row: W_enc of the file, turned. */
  readonly W_enc: Table
  /** The bias of the encoder (b_enc, or b_gate), then what else an architecture has; each [d_sae]. */
  readonly vectors: ReadonlyMap<string, DeviceTensor>
  readonly W_dec: Table // [d_sae, d_in]
  readonly b_dec: DeviceTensor // [d_in]
  readonly encoder: Encoder
}

/** SAELens' decoder_init_norm: directions begin short, so that the first reconstructions are small. */
const DIRECTION_LENGTH = 0.1

/** As SAELens begins: directions at random, all of one length, each read as it is written (W_enc = W_dec^T); vectors all of one number. */
export function initialTensors(
  { dIn, dSae }: Pick<SaeConfig, 'dIn' | 'dSae'>,
  vectors: Readonly<Record<string, number>>,
  random: Random,
): Map<string, Tensor> {
  const W_dec = Tensor.zeros([dSae, dIn])
  for (let feature = 0; feature < dSae; feature++) {
    const direction = W_dec.row(feature)
    for (let i = 0; i < dIn; i++) direction[i] = 2 * random.number() - 1
    const by = DIRECTION_LENGTH / Math.hypot(...direction)
    for (let i = 0; i < dIn; i++) direction[i] *= by
  }
  const filled = Object.entries(vectors).map(
    ([name, value]) => [name, new Tensor([dSae], new Float32Array(dSae).fill(value))] as const,
  )
  return new Map([['W_enc', copyOf(W_dec)], ...filled, ['W_dec', W_dec], ['b_dec', Tensor.zeros([dIn])]])
}

/** Takes tensors under the names of TrainingSae onto a backend. `vectors`: the names of those; the first is the encoder's bias */
export function startTraining(
  ops: Backend,
  config: SaeConfig,
  tensors: (name: string) => Tensor,
  { vectors, selection }: { vectors: readonly string[]; selection?: Selection },
): Promise<TrainingSae> {
  const source = (name: string, tensor = tensors(name)) => sourceOf(name, tensor)
  const release = (part: Encoder | Table) => ops.release(part)
  return freedOnFailure(release, async (keep) => ({
    ops,
    config,
    W_enc: keep(await ops.prepareTable(source('W_enc'))),
    W_dec: keep(await ops.prepareTable(source('W_dec'))),
    encoder: keep(
      await ops.prepareEncoder(source('W_enc', turned(tensors('W_enc'))), source(vectors[0]), selection),
    ),
    vectors: new Map(vectors.map((name) => [name, ops.upload(copyOf(tensors(name)))])),
    b_dec: ops.upload(copyOf(tensors('b_dec'))),
  }))
}

/** What a step moves, under the names of the file. */
export function parametersOf({ W_enc, vectors, W_dec, b_dec }: TrainingSae): Map<string, Parameter> {
  return new Map<string, Parameter>([['W_enc', W_enc], ...vectors, ['W_dec', W_dec], ['b_dec', b_dec]])
}

export function releaseTraining(sae: TrainingSae): void {
  for (const part of [sae.encoder, ...parametersOf(sae).values()]) sae.ops.release(part)
}

/** Rows for columns. */
export function turned({ shape: [rows, width], data }: Tensor): Tensor {
  const y = Tensor.zeros([width, rows])
  for (let c = 0; c < width; c++) for (let r = 0; r < rows; r++) y.data[c * rows + r] = data[r * width + c]
  return y
}

/** What a backend may keep as it is and move in place. */
const copyOf = ({ shape, data }: Tensor): Tensor => new Tensor(shape, data.slice())
