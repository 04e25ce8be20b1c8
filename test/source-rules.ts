// Rules on the source text that neither the type checker nor the linter knows: which suites a test
// file runs, and which way imports point. Read from the syntax tree, so comments and strings do not count.
import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
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

/** The folders that a folder's files may import from. bench/ and test/ may import anything. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  engine: ['engine'],
  gpt2: ['gpt2', 'engine'],
  sae: ['sae', 'engine'],
  experiments: ['experiments', 'sae', 'gpt2', 'engine'],
}

/** Folders whose files also run in a browser, unless they are named *-node.ts. */
const BROWSER = ['engine', 'gpt2', 'sae']

/** Imports that point the wrong way. `path` is relative to the repository, with forward slashes. */
export function importProblems(path: string, source: string): string[] {
  const folder = path.split('/')[0]
  const allowed = MAY_IMPORT[folder]
  const forBrowser = BROWSER.includes(folder) && !isNodeFile(path)
  const problems: string[] = []
  for (const { specifier, vanishes, loads } of importsOf(path, source)) {
    if (!specifier.startsWith('.')) {
      if (forBrowser && isBuiltin(specifier)) problems.push(`imports ${specifier}: only *-node.ts files may`)
      continue
    }
    const target = posix.join(posix.dirname(path), specifier)
    const from = target.split('/')[0]
    if (allowed && !allowed.includes(from))
      problems.push(`imports ${target}: files of ${folder}/ import only from ${allowed.join('/, ')}/`)
    else if (forBrowser && isNodeFile(target) && !vanishes && loads === 'always')
      problems.push(`imports ${target} statically: a browser would load it; use await import()`)
  }
  return problems
}

function isNodeFile(path: string): boolean {
  return path.endsWith('-node.ts')
}

interface Import {
  readonly specifier: string
  /** True for `import type`, which is gone when the code runs. */
  readonly vanishes: boolean
  /** `import(...)` loads only when it is reached. */
  readonly loads: 'always' | 'when reached'
}

function importsOf(path: string, source: string): Import[] {
  const found: Import[] = []
  visit(parse(path, source), (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
      const specifier = node.moduleSpecifier
      if (specifier === undefined || !ts.isStringLiteral(specifier)) return
      const vanishes = ts.isImportDeclaration(node)
        ? node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
        : node.isTypeOnly
      found.push({ specifier: specifier.text, vanishes, loads: 'always' })
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [specifier] = node.arguments
      if (ts.isStringLiteralLike(specifier))
        found.push({ specifier: specifier.text, vanishes: false, loads: 'when reached' })
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      const { literal } = node.argument
      if (ts.isStringLiteral(literal))
        found.push({ specifier: literal.text, vanishes: true, loads: 'when reached' })
    }
  })
  return found
}

function parse(path: string, source: string): ts.SourceFile {
  return ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true)
}

function visit(node: ts.Node, look: (node: ts.Node) => void): void {
  look(node)
  ts.forEachChild(node, (child) => visit(child, look))
}
