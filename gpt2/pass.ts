// What every block of one forward pass needs to know.
import type { TextSpan } from '../engine/backend.ts'
import type { Gpt2Config } from './config.ts'
import type { Hooks } from './hooks.ts'

export interface Pass {
  readonly config: Gpt2Config
  readonly hooks: Hooks
  readonly texts: readonly TextSpan[]
}
