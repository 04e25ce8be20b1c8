import ts from 'typescript'

/**
 * How many lines of TypeScript are neither blank nor comment. From the syntax tree: counters that know a language by
 * patterns (sloc, cloc) take `//` and `/*` inside strings and templates for comments.
 */
export function codeLines(source: string): number {
  const file = ts.createSourceFile('source.ts', source, ts.ScriptTarget.Latest)
  const lineOf = (position: number) => file.getLineAndCharacterOfPosition(position).line
  const lines = new Set<number>()
  const visit = (node: ts.Node): void => {
    if (ts.isJSDoc(node) || node.kind === ts.SyntaxKind.EndOfFileToken) return
    const parts = node.getChildren(file)
    parts.forEach(visit)
    // a token, then: of one line, or a template's text of several
    if (parts.length === 0 && node.end > node.pos)
      for (let line = lineOf(node.getStart(file)); line <= lineOf(node.end); line++) lines.add(line)
  }
  visit(file)
  const text = source.split('\n')
  return [...lines].filter((line) => text[line].trim() !== '').length
}
