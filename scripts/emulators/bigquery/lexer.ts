/**
 * The words of BigQuery's SQL, as its lexical structure defines them:
 * https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical
 */
import { invalidQuery } from './errors.ts'

export interface Token {
  /** `word`: a keyword or a name that is not in backticks. */
  readonly kind: 'word' | 'name' | 'string' | 'number' | 'parameter' | 'symbol'
  /** As written; of a `name` what is between the backticks, of a `string` its value, of a `parameter` its name. */
  readonly text: string
  /** Where it starts and ends in the statement. */
  readonly start: number
  readonly end: number
}

/** Comments are no words: BigQuery's `#` means something else to DuckDB. */
const SKIPPED = /(?:\s+|--[^\n]*|#[^\n]*|\/\*[\s\S]*?\*\/)*/y
const QUOTED = /([rRbB]{0,2})("""|'''|"|')((?:\\[\s\S]|(?!\2)[^\\])*)\2/y
const PATTERNS: readonly (readonly [Token['kind'], RegExp])[] = [
  ['name', /`((?:\\[\s\S]|[^`\\\n])+)`/y],
  ['parameter', /@([a-z_]\w*)/iy],
  ['number', /(?:0x[\da-f]+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(?!\w)/iy],
  ['word', /[a-z_]\w*/iy],
  ['symbol', /\|\||<<|>>|<>|<=|>=|!=|[()[\],.;+\-*/=<>?|&~]/y],
]
const ESCAPE = /\\(?:([0-3][0-7]{2})|[xX]([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([\s\S]))/g
const ESCAPED: Readonly<Record<string, string>> = { a: '\u0007', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

/** Throws `invalidQuery` at the first character that begins no word. */
export function tokens(sql: string): Token[] {
  const found: Token[] = []
  for (let start = skipped(sql, 0); start < sql.length; start = skipped(sql, found.at(-1)?.end ?? sql.length)) {
    const token = tokenAt(sql, start)
    if (token === undefined) throw syntaxError(sql, start)
    found.push(token)
  }
  return found
}

export function syntaxError(sql: string, position: number): Error {
  const lines = sql.slice(0, position).split('\n')
  const rest = sql.slice(position).split(/\s/, 1)[0]
  const what = rest ? `unexpected ${rest}` : 'unexpected end'
  return invalidQuery(`Syntax error: ${what} at [${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}]`)
}

function skipped(sql: string, position: number): number {
  SKIPPED.lastIndex = position
  SKIPPED.test(sql)
  return SKIPPED.lastIndex
}

function tokenAt(sql: string, start: number): Token | undefined {
  QUOTED.lastIndex = start
  const [, prefix, quotes, body] = QUOTED.exec(sql) ?? []
  if (body !== undefined) {
    // No bytes, which DuckDB writes in another way, and no line break but in three quotes.
    if (/b/i.test(prefix ?? '') || (quotes?.length === 1 && body.includes('\n'))) return undefined
    return { kind: 'string', text: prefix ? body : unescaped(body), start, end: QUOTED.lastIndex }
  }
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = start
    const match = pattern.exec(sql)
    if (match === null) continue
    const text = match[1] ?? match[0]
    return { kind, text: kind === 'name' ? unescaped(text) : text, start, end: pattern.lastIndex }
  }
  return undefined
}

function unescaped(text: string): string {
  return text.replace(ESCAPE, (_, octal, byte, short, long, other) => {
    if (other !== undefined) return ESCAPED[other] ?? other
    return String.fromCodePoint(
      octal === undefined ? Number.parseInt(byte ?? short ?? long, 16) : Number.parseInt(octal, 8),
    )
  })
}
