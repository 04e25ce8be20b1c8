// The small faults that a source text can be given, one at a time.
import ts from 'typescript'

/** A source text with one fault. */
export interface Mutant {
  /** Where the fault stands in the source, from 1. */
  readonly line: number
  readonly start: number
  readonly end: number
  /** A place that runs when this does: what follows an operator may be left out. */
  readonly runs: number
  /** What stands there instead of what was there. */
  readonly original: string
  readonly replacement: string
}

/** What an operator becomes: a bound moved by one, a comparison turned round, the opposite sign, one side only. */
const OPERATORS: Readonly<Record<string, readonly string[]>> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
  '**': ['*'],
  '&&': ['||'],
  '||': ['&&'],
  '??': ['&&'],
  '&': ['|'],
  '|': ['&'],
  '<<': ['>>'],
  '>>': ['<<'],
  '>>>': ['<<'],
  '+=': ['-='],
  '-=': ['+='],
  '*=': ['/='],
  '/=': ['*='],
}

/** What a method becomes. */
const METHODS: Readonly<Record<string, string>> = {
  min: 'max',
  max: 'min',
  floor: 'ceil',
  ceil: 'floor',
  some: 'every',
  every: 'some',
}

/** Calls that become what they are called on. */
const LEFT_OUT = new Set(['filter', 'sort', 'toSorted', 'reverse', 'slice', 'trim'])

/** All mutants of a file, in the order of its text. Types, imports, messages of errors and strings stay as they are. */
export function mutantsOf(path: string, text: string): Mutant[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const mutants: Mutant[] = []
  const add = (node: ts.Node, replacement: string) => {
    const [start, end] = [node.getStart(source), node.getEnd()]
    const line = source.getLineAndCharacterOfPosition(start).line + 1
    const isOperator = ts.isBinaryExpression(node.parent) && node === node.parent.operatorToken
    const runs = isOperator ? node.parent.getStart(source) : start
    mutants.push({ line, start, end, runs, original: text.slice(start, end), replacement })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node) || ts.isImportDeclaration(node) || ts.isInterfaceDeclaration(node)) return
    if (ts.isTypeAliasDeclaration(node)) return
    mutate(node, add)
    if (ts.isThrowStatement(node)) return
    ts.forEachChild(node, visit)
  }
  visit(source)
  return mutants
}

function mutate(node: ts.Node, add: (node: ts.Node, replacement: string) => void): void {
  if (ts.isBinaryExpression(node)) {
    if (isText(node)) return
    for (const other of OPERATORS[node.operatorToken.getText()] ?? []) add(node.operatorToken, other)
  } else if (ts.isPrefixUnaryExpression(node)) {
    const { operator, operand } = node
    if (operator === ts.SyntaxKind.PlusPlusToken) add(node, `--${operand.getText()}`)
    else if (operator === ts.SyntaxKind.MinusMinusToken) add(node, `++${operand.getText()}`)
    else add(node, operand.getText())
  } else if (ts.isPostfixUnaryExpression(node)) {
    if (ts.isForStatement(node.parent)) return // a loop that never ends: noticed, but slowly
    const plus = node.operator === ts.SyntaxKind.PlusPlusToken
    add(node, `${node.operand.getText()}${plus ? '--' : '++'}`)
  } else if (ts.isNumericLiteral(node)) {
    add(node, String(Number(node.text) + 1))
  } else if (node.kind === ts.SyntaxKind.TrueKeyword) {
    add(node, 'false')
  } else if (node.kind === ts.SyntaxKind.FalseKeyword) {
    add(node, 'true')
  } else if (ts.isIfStatement(node)) {
    for (const always of ['true', 'false']) add(node.expression, always)
  } else if (ts.isConditionalExpression(node)) {
    for (const always of ['true', 'false']) add(node.condition, always)
  } else if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
    const { name, expression } = node.expression
    if (METHODS[name.text]) add(name, METHODS[name.text])
    else if (LEFT_OUT.has(name.text)) add(node, expression.getText())
  }
  const removable =
    ts.isExpressionStatement(node) || ts.isBreakOrContinueStatement(node) || ts.isThrowStatement(node)
  if (removable) add(node, ';')
}

/** A string, or several put together: a message. */
function isText(node: ts.Expression): boolean {
  if (ts.isStringLiteralLike(node) || ts.isTemplateExpression(node)) return true
  const joins = ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken
  return joins && (isText(node.left) || isText(node.right))
}
