// Every architecture that can be trained, by its name on the command line and in SAELens.
import type { Architecture } from './architecture.ts'
import { batchtopk } from './batchtopk.ts'
import { gated } from './gated.ts'
import { jumprelu } from './jumprelu.ts'
import { matryoshka } from './matryoshka.ts'
import { standard } from './standard.ts'
import { topk } from './topk.ts'

export const trained = { standard, topk, batchtopk, jumprelu, gated, matryoshka } satisfies Readonly<
  Record<string, Architecture>
>
export type TrainedName = keyof typeof trained
export const TRAINED = Object.keys(trained) as readonly TrainedName[]
