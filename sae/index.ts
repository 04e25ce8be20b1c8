// clearbox/sae: sparse autoencoders, from the stream to features and back. What is not here is internal.
export { saeShares, takeApart, type SaeParts, type SaeShares } from './attribution.ts'
export { parseSaeConfig, type SaeConfig } from './config.ts'
export { decoderRows, reconstruct } from './decoder.ts'
export { addDirection, liveEdit, removal, steering } from './edit.ts'
export { encode } from './encoder.ts'
export { meanFeatures, withoutBos } from './pooling.ts'
export { splice, zeroAblate } from './splice.ts'
export { loadSae, releaseSae, type Sae } from './weights.ts'
