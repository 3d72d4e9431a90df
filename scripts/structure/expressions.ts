import { parseSync } from '@swc/core'

/** A regular expression that stands in a source file. */
export interface Expression {
  readonly file: string
  readonly pattern: string
  readonly flags: string
}

/** The regular expressions of a file, and the number of `new RegExp(…)`, whose pattern no one can read there. */
export function expressionsIn(
  file: string,
  text: string,
): { readonly found: readonly Expression[]; readonly made: number } {
  const found: Expression[] = []
  let made = 0
  visit(parseSync(text, { syntax: 'typescript', target: 'es2024' }))
  return { found, made }

  function visit(node: unknown): void {
    if (typeof node !== 'object' || node === null) return
    if ('type' in node && node.type === 'RegExpLiteral' && 'pattern' in node && 'flags' in node) {
      found.push({ file, pattern: String(node.pattern), flags: String(node.flags) })
    }
    if ('type' in node && node.type === 'NewExpression' && 'callee' in node) {
      const { callee } = node
      if (typeof callee === 'object' && callee !== null && 'value' in callee && callee.value === 'RegExp') made++
    }
    for (const inner of Object.values(node)) visit(inner)
  }
}

/** Texts of about this length that a slow expression stumbles over: pieces of what it looks for, again and again. */
export function attacksOn({ pattern }: Pick<Expression, 'pattern'>, length: number): readonly string[] {
  const plain = pattern.replaceAll(/\\[a-zA-Z]|[[\](){}?*+|^$]/g, ' ').replaceAll('\\', '')
  const words = plain.split(/\s+/).filter((word) => word !== '')
  const letters = new Set([...plain.replaceAll(/\s/g, ''), ...'a0 .-_@<"\\/:,=\n{'])
  const pieces = [...new Set([...letters, ...words, ...words.map((word) => `${word} `), 'a ', 'a.', '0.', 'a@', '\\"'])]
  return pieces.flatMap((piece) => {
    const run = piece.repeat(Math.ceil(length / piece.length))
    // Ends in what it does not look for; begins with what it does.
    return [`${run}\u0001`, ...words.slice(0, 3).map((word) => `${word}${run}\u0001`)]
  })
}
