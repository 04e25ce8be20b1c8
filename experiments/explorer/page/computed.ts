// "How is this computed?": the lines of source behind a step.
import { html } from '../../lab/report/html.ts'
import { createContext, type VNode } from 'preact'
import { useContext } from 'preact/hooks'
import type { Snippet, Sources, Step } from '../sources-shape.ts'

/** The lines of source behind each step, as the build found them. */
export const SourcesContext = createContext<Partial<Sources>>({})

/** "How is this computed?": the lines that do it, with file and line number. `what` distinguishes one such panel from another. */
export function Computed({ step, what }: { step: Step; what: string }): VNode {
  const snippets = useContext(SourcesContext)[step] ?? []
  return html`<details class="computed">
    <summary>How is this computed?<span class="sr"> ${what}</span></summary>
    ${snippets.map((lines) => snippet(lines, what))}
  </details>`
}

function snippet({ file, line, code }: Snippet, what: string): VNode {
  const last = line + code.trimEnd().split('\n').length - 1
  return html`<figure>
    <figcaption>
      <a href="./source/${file}.txt" target="_blank"><code>${file}</code></a
      >, lines ${line} to ${last}
    </figcaption>
    <pre
      tabindex="0"
      role="region"
      aria-label="${what}: ${file}, line ${line}"
    ><code>${code.trimEnd()}</code></pre>
  </figure>`
}
