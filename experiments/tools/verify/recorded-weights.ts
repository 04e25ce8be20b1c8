// Values of single weights, as the backend holds them.
import { Tensor } from '../../../engine/tensor.ts'
import type { Linear } from '../../../engine/backend.ts'
import type { OpenModel } from '../../lab/models/models.ts'
import type { Line } from './recorded.ts'

/** The first numbers of each. Those of matrices are the first inputs' weights into output 0. */
export interface RecordedWeights {
  readonly source: string
  readonly wte_row0: readonly number[]
  readonly wte_row50256: readonly number[]
  readonly wpe_row0: readonly number[]
  readonly ln1w_layer0: readonly number[]
  readonly ln1b_layer0: readonly number[]
  readonly qkvb_layer0: readonly number[]
  readonly fcb_layer0: readonly number[]
  readonly lnfw: readonly number[]
  readonly lnfb: readonly number[]
  readonly qkvw_layer0_row0_HFcol0: readonly number[]
  readonly fcprojw_layer0_row0_HFcol0: readonly number[]
}

/** A matrix on a backend is read by multiplying: zeros give its bias, and a single 1 a row of it, plus the bias. */
export async function weightLines({ gpt2 }: OpenModel, recorded: RecordedWeights): Promise<Line[]> {
  const { ops, weights, config } = gpt2
  const { ln_1, attn, mlp } = weights.blocks[0]
  const biasOf = async (layer: Linear) =>
    (await ops.download(await ops.linear(ops.upload(Tensor.zeros([1, layer.in])), layer))).row(0)
  const intoFirst = async (layer: Linear, count: number) => {
    const ones = Tensor.zeros([count, layer.in])
    for (let i = 0; i < count; i++) ones.row(i)[i] = 1
    const [rows, bias] = [await ops.download(await ops.linear(ops.upload(ones), layer)), await biasOf(layer)]
    return Array.from({ length: count }, (_, i) => rows.row(i)[0] - bias[0])
  }
  const row = async (table: Parameters<typeof ops.embed>[0], id: number) =>
    (await ops.download(await ops.embed(table, [id]))).row(0)
  const found: [what: string, expected: readonly number[], got: ArrayLike<number>][] = [
    ['wte, row 0', recorded.wte_row0, await row(weights.wte, 0)],
    ['wte, the last row', recorded.wte_row50256, await row(weights.wte, config.dVocab - 1)],
    ['wpe, row 0', recorded.wpe_row0, await row(weights.wpe, 0)],
    ['h.0.ln_1.weight', recorded.ln1w_layer0, (await ops.download(ln_1.weight)).data],
    ['h.0.ln_1.bias', recorded.ln1b_layer0, (await ops.download(ln_1.bias)).data],
    ['h.0.attn.c_attn.bias', recorded.qkvb_layer0, await biasOf(attn.q)],
    ['h.0.mlp.c_fc.bias', recorded.fcb_layer0, await biasOf(mlp.c_fc)],
    ['ln_f.weight', recorded.lnfw, (await ops.download(weights.ln_f.weight)).data],
    ['ln_f.bias', recorded.lnfb, (await ops.download(weights.ln_f.bias)).data],
    ['h.0.attn.c_attn.weight', recorded.qkvw_layer0_row0_HFcol0, await intoFirst(attn.q, 5)],
    ['h.0.mlp.c_proj.weight', recorded.fcprojw_layer0_row0_HFcol0, await intoFirst(mlp.c_proj, 5)],
  ]
  return found.map(([what, expected, got]) => ({
    what: `${what}, its first numbers`,
    source: recorded.source,
    expected,
    got: Array.from(got).slice(0, expected.length),
    tolerance: 1e-6,
    digits: 6,
  }))
}
