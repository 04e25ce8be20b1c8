/*
 * Transcoders (Dunefsky et al. 2024) rebuild a different hook from the one they read: an MLP's output from its input, say.
 *
 *     y_hat = f W_dec + b_dec          W_dec [d_sae, d_out]; b_dec [d_out] is not subtracted from the input
 *
 * A skip transcoder (Paulo et al. 2025) has a matrix of its own for the linear part: y_hat = f W_dec + b_dec + x W_skip^T
 */
import type { Architecture } from './architecture.ts'
import { jumprelu } from './jumprelu.ts'
import { standard } from './standard.ts'

export const transcoder: Architecture = { ...standard, transcodes: true }
export const skip_transcoder: Architecture = { ...transcoder, skips: true }
export const jumprelu_transcoder: Architecture = { ...jumprelu, transcodes: true }
export const jumprelu_skip_transcoder: Architecture = { ...jumprelu_transcoder, skips: true }
