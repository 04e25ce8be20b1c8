// Scales that are the same for every token, folded into an SAE's weights while they are read.
import { scaledColumns, scaledRows } from '../engine/weights/scaled.ts'
import { readTensor, type WeightSource } from '../engine/weights/weights.ts'
import type { SaeConfig } from './config.ts'

type Tensors = (name: string) => WeightSource

/**
 * An SAE that was trained to rebuild x s from x s rebuilds x from x with the weights W_enc s, W_dec / s and b_dec / s. A
 * transcoder's output was not scaled, so its decoder stays. TopK on activations that are multiplied by the norms n of their
 * decoder rows is TopK with W_enc n and b_enc n by column, and W_dec / n by row.
 */
export async function folded(
  { inputScale, scalesByDecoderNorm, hookName, hookNameOut }: SaeConfig,
  tensor: Tensors,
): Promise<Tensors> {
  const changed = new Map<string, (source: WeightSource) => WeightSource>()
  const change = (name: string, by: (source: WeightSource) => WeightSource) => {
    const before = changed.get(name) ?? ((source) => source)
    changed.set(name, (source) => by(before(source)))
  }
  if (inputScale !== 1) {
    change('W_enc', (source) => scaledRows(source, inputScale))
    if (hookName === hookNameOut)
      for (const name of ['W_dec', 'b_dec']) change(name, (source) => scaledRows(source, 1 / inputScale))
  }
  if (scalesByDecoderNorm) {
    const norms = await rowNorms(tensor('W_dec'))
    for (const name of ['W_enc', 'b_enc']) change(name, (source) => scaledColumns(source, norms))
    change('W_dec', (source) =>
      scaledRows(
        source,
        norms.map((norm) => 1 / norm),
      ),
    )
  }
  return (name) => changed.get(name)?.(tensor(name)) ?? tensor(name)
}

/** A row of zeros has the norm that SAELens gives it: 1e-8. */
async function rowNorms(source: WeightSource): Promise<Float32Array> {
  const rows = await readTensor(source)
  return Float32Array.from({ length: rows.shape[0] }, (_, r) =>
    Math.max(1e-8, Math.sqrt(rows.row(r).reduce((sum, value) => sum + value * value, 0))),
  )
}
