/**
 * The filter language of subscriptions (cloud.google.com/pubsub/docs/subscription-message-filter):
 *
 *     attributes:key   attributes.key = "value"   attributes.key != "value"   hasPrefix(attributes.key, "prefix")
 *
 * joined by AND or OR (both only with parentheses), negated by NOT or a minus sign. A key with other characters than letters,
 * digits, `_` and `-` is written as a string: attributes."iana.org/language_tag".
 */

export type MessageFilter = (attributes: Readonly<Record<string, string>>) => boolean

/** The text is no filter; the message says where and what was expected. */
export class FilterSyntaxError extends Error {
  override readonly name = 'FilterSyntaxError'
}

/** Longest filter that Pub/Sub takes. */
export const MAX_FILTER_BYTES = 256

type Token =
  | { readonly kind: 'word' | 'string'; readonly text: string; readonly at: number }
  | { readonly kind: 'symbol'; readonly text: string; readonly at: number }
  | { readonly kind: 'end'; readonly text: ''; readonly at: number }

const SPACE = /\s+/y
const WORD = /[A-Za-z0-9_][A-Za-z0-9_-]*/y
const SYMBOL = /!=|[().,:=-]/y
const STRING = /"((?:[^"\\]|\\.)*)"/sy
const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/gs
const PLAIN_ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '?': '?',
  '\\': '\\',
  "'": "'",
  '"': '"',
}

/** Reads a filter; throws {@link FilterSyntaxError} for text that is none. */
export function parseFilter(text: string): MessageFilter {
  if (Buffer.byteLength(text) > MAX_FILTER_BYTES) {
    throw new FilterSyntaxError(`${Buffer.byteLength(text)} bytes, at most ${MAX_FILTER_BYTES}`)
  }
  return new FilterParser(tokenise(text)).parse()
}

function tokenise(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    return pattern.exec(text)
  }
  while (at < text.length) {
    const space = match(SPACE)
    if (space !== null) {
      at += space[0].length
      continue
    }
    const word = match(WORD)
    const literal = word === null ? match(STRING) : null
    const symbol = word === null && literal === null ? match(SYMBOL) : null
    const found = word ?? literal ?? symbol
    if (found === null) throw new FilterSyntaxError(`unexpected ${JSON.stringify(text[at])} at ${at}`)
    if (literal !== null) tokens.push({ kind: 'string', text: unescapeLiteral(literal[1] ?? '', at), at })
    else tokens.push({ kind: word === null ? 'symbol' : 'word', text: found[0], at })
    at += found[0].length
  }
  tokens.push({ kind: 'end', text: '', at })
  return tokens
}

function unescapeLiteral(literal: string, at: number): string {
  return literal.replace(
    ESCAPE,
    (whole: string, hex?: string, short?: string, long?: string, octal?: string, plain = '') => {
      const digits = hex ?? short ?? long
      const code =
        digits !== undefined ? Number.parseInt(digits, 16) : octal !== undefined ? Number.parseInt(octal, 8) : undefined
      if (code !== undefined && code <= 0x10ffff) return String.fromCodePoint(code)
      const character = PLAIN_ESCAPES[plain]
      if (character === undefined) throw new FilterSyntaxError(`unknown escape ${whole} in the string at ${at}`)
      return character
    },
  )
}

class FilterParser {
  readonly #tokens: readonly Token[]
  #position = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  parse(): MessageFilter {
    const filter = this.#expression()
    const rest = this.#peek()
    if (rest.kind !== 'end') throw new FilterSyntaxError(`unexpected "${rest.text}" at ${rest.at}`)
    return filter
  }

  #expression(): MessageFilter {
    const first = this.#term()
    const joint = this.#peek()
    if (joint.kind !== 'word' || (joint.text !== 'AND' && joint.text !== 'OR')) return first
    const terms = [first]
    while (this.#takeWord(joint.text)) terms.push(this.#term())
    const other = joint.text === 'AND' ? 'OR' : 'AND'
    if (this.#peek().text === other) {
      throw new FilterSyntaxError(`AND and OR are mixed at ${this.#peek().at}: use parentheses`)
    }
    return joint.text === 'AND'
      ? (attributes) => terms.every((term) => term(attributes))
      : (attributes) => terms.some((term) => term(attributes))
  }

  #term(): MessageFilter {
    if (this.#takeWord('NOT') || this.#takeSymbol('-')) {
      const negated = this.#term()
      return (attributes) => !negated(attributes)
    }
    if (this.#takeSymbol('(')) {
      const inner = this.#expression()
      this.#expectSymbol(')')
      return inner
    }
    if (this.#takeWord('hasPrefix')) return this.#prefix()
    return this.#comparison()
  }

  #prefix(): MessageFilter {
    this.#expectSymbol('(')
    this.#expectAttributes()
    this.#expectSymbol('.')
    const key = this.#key()
    this.#expectSymbol(',')
    const prefix = this.#literal()
    this.#expectSymbol(')')
    return (attributes) => attributeValue(attributes, key)?.startsWith(prefix) ?? false
  }

  #comparison(): MessageFilter {
    this.#expectAttributes()
    if (this.#takeSymbol(':')) {
      const key = this.#key()
      return (attributes) => attributeValue(attributes, key) !== undefined
    }
    this.#expectSymbol('.')
    const key = this.#key()
    if (this.#takeSymbol('!=')) {
      const value = this.#literal()
      return (attributes) => attributeValue(attributes, key) !== value
    }
    this.#expectSymbol('=')
    const value = this.#literal()
    return (attributes) => attributeValue(attributes, key) === value
  }

  #peek(): Token {
    return this.#tokens[this.#position] ?? { kind: 'end', text: '', at: -1 }
  }

  #take(expected: string, accepts: (token: Token) => boolean): string {
    const token = this.#peek()
    if (!accepts(token)) {
      const found = token.kind === 'end' ? 'the end' : JSON.stringify(token.text)
      throw new FilterSyntaxError(`expected ${expected} at ${token.at}, found ${found}`)
    }
    this.#position += 1
    return token.text
  }

  #takeIf(accepts: (token: Token) => boolean): boolean {
    const taken = accepts(this.#peek())
    if (taken) this.#position += 1
    return taken
  }

  #takeWord = (text: string): boolean => this.#takeIf((token) => token.kind === 'word' && token.text === text)
  #takeSymbol = (text: string): boolean => this.#takeIf((token) => token.kind === 'symbol' && token.text === text)
  #expectSymbol = (text: string): string =>
    this.#take(`"${text}"`, (token) => token.kind === 'symbol' && token.text === text)
  #expectAttributes = (): string =>
    this.#take('"attributes"', (token) => token.kind === 'word' && token.text === 'attributes')
  #key = (): string => this.#take('a key', (token) => token.kind === 'word' || token.kind === 'string')
  #literal = (): string => this.#take('a string in double quotes', (token) => token.kind === 'string')
}

/** Own properties only: an attribute that is called `constructor` is no attribute unless the message has it. */
function attributeValue(attributes: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(attributes, key) ? attributes[key] : undefined
}
