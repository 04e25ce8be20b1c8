// Every architecture, by its name in a cfg.json.
import type { Architecture } from './architecture.ts'
import { gated } from './gated.ts'
import { jumprelu } from './jumprelu.ts'
import { standard } from './standard.ts'
import { topk } from './topk.ts'
import { jumprelu_skip_transcoder, jumprelu_transcoder, skip_transcoder, transcoder } from './transcoder.ts'

export const architectures = {
  standard,
  topk,
  jumprelu,
  gated,
  transcoder,
  skip_transcoder,
  jumprelu_transcoder,
  jumprelu_skip_transcoder,
} satisfies Readonly<Record<string, Architecture>>
export type ArchitectureName = keyof typeof architectures

export function architectureOf({ architecture }: { architecture: ArchitectureName }): Architecture {
  return architectures[architecture]
}
