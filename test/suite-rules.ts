// What neither the type checker nor the linter knows: which suites a test file runs. Read from the syntax tree, so that
// comments and strings do not count.
import ts from 'typescript'

/** What keeps a test file from proving what it says: suites that never run, tests left out. */
export function suiteProblems(path: string, source: string): string[] {
  const problems: string[] = []
  const created = new Map<string, number>()
  const run = new Map<string, number>()
  const count = (counts: Map<string, number>, name: string) => counts.set(name, (counts.get(name) ?? 0) + 1)
  visit(parse(path, source), (node) => {
    // uvu's `test` is a suite that exists without being created.
    if (ts.isImportSpecifier(node) && node.name.text === 'test') count(created, 'test')
    if (!ts.isCallExpression(node)) return
    const callee = node.expression
    if (ts.isIdentifier(callee) && callee.text === 'suite') {
      const holder = node.parent
      if (ts.isVariableDeclaration(holder) && ts.isIdentifier(holder.name)) count(created, holder.name.text)
      else problems.push('suite( is called without giving the suite a name: const NAME = suite(...)')
    }
    if (!ts.isPropertyAccessExpression(callee)) return
    const { name, expression } = callee
    if (name.text === 'run' && ts.isIdentifier(expression)) count(run, expression.text)
    if (name.text === 'only') problems.push('.only( leaves the other tests out')
    if (name.text === 'skip') problems.push('.skip( leaves a test out: mend it or take it away')
  })
  for (const [name, times] of created)
    if ((run.get(name) ?? 0) < times) problems.push(`suite ${name} is never run: ${name}.run() is missing`)
  return problems
}

function parse(path: string, source: string): ts.SourceFile {
  return ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true)
}

function visit(node: ts.Node, look: (node: ts.Node) => void): void {
  look(node)
  ts.forEachChild(node, (child) => visit(child, look))
}
