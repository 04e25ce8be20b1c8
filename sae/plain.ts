// A standard sparse autoencoder in one file: plain loops on arrays, for one row of the residual stream. The rest of sae/ computes
// the same numbers; on the reference backend they are bit-identical, as a test asserts. Read this first.

/** Float32Array rounds what is stored to float32; sums are float64 until then. */
type Row = Float32Array

/** The weights, matrices row by row. */
export interface PlainSae {
  readonly W_enc: Row // [d_in, d_sae]
  readonly b_enc: Row // [d_sae]
  readonly W_dec: Row // [d_sae, d_in]: each feature's direction
  readonly b_dec: Row // [d_in]
}

/** What the SAE was trained on: the stream with each row's mean subtracted, because no later layer reads it. */
export function centred(stream: Row): Row {
  const sum = stream.reduce((sum, value) => sum + value, 0)
  return stream.map((value) => value - sum / stream.length)
}

/** How active each feature is; nearly all are 0. x [d_in], centred -> [d_sae] */
export function plainEncode({ W_enc, b_enc, b_dec }: PlainSae, x: Row): Row {
  const difference = x.map((value, i) => value - b_dec[i]) // from b_dec, which is near the typical row
  return b_enc.map((bias, feature) => {
    let sum = bias
    for (let i = 0; i < x.length; i++) sum += difference[i] * W_enc[i * b_enc.length + feature]
    return Math.max(0, sum) // ReLU: a feature is active or it is 0; it is never negative
  })
}

/** x_hat, the reconstruction of x: each active feature's direction times its activation, and b_dec. [d_sae] -> [d_in] */
export function plainDecode({ W_dec, b_dec }: PlainSae, features: Row): Row {
  return b_dec.map((bias, i) => {
    let sum = bias
    for (let feature = 0; feature < features.length; feature++)
      if (features[feature] > 0) sum += features[feature] * W_dec[feature * b_dec.length + i]
    return sum
  })
}
