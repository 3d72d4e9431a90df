/**
 * Evaluates a part of Cloud Logging's query language, in which sinks, metrics, alerts and exclusions are written: `=`, `!=`, `<`, `>=`, `:` (contains), `=~`, `field=("a" OR "b")`,
 * `sample(field, share)`, AND, OR, NOT, parentheses.
 */
export type LogFilter = (entry: unknown) => boolean

const SEVERITIES = ['DEFAULT', 'DEBUG', 'INFO', 'NOTICE', 'WARNING', 'ERROR', 'CRITICAL', 'ALERT', 'EMERGENCY']

type Comparison = (found: unknown, wanted: string) => boolean
const COMPARISONS: Readonly<Record<string, Comparison>> = {
  '=': (found, wanted) => String(found) === wanted,
  ':': (found, wanted) => String(found).includes(wanted),
  '=~': (found, wanted) => new RegExp(wanted).test(String(found)),
  '<': (found, wanted) => rankOf(found) < rankOf(wanted),
  '>=': (found, wanted) => rankOf(found) >= rankOf(wanted),
}

/** A number, or the rank of a severity. */
function rankOf(value: unknown): number {
  const severity = SEVERITIES.indexOf(String(value))
  return severity === -1 ? Number(value) : severity
}

/** Throws when the text is not in that part of the language: then the test has to learn it first. */
export function parseLogFilter(text: string): LogFilter {
  const tokens = text.match(/"[^"]*"|>=|!=|=~|[()=:<,]|[\w.]+/g) ?? []
  if (tokens.join('') !== text.replaceAll(/\s+(?=(?:[^"]*"[^"]*")*[^"]*$)/g, ''))
    throw new Error(`cannot read: ${text}`)
  let at = 0

  function take(token: string): boolean {
    if (tokens[at] !== token) return false
    at += 1
    return true
  }
  function expect(token: string): void {
    if (!take(token)) throw new Error(`expected ${token} instead of ${tokens[at] ?? 'the end'} in: ${text}`)
  }
  function listOf(word: 'AND' | 'OR', item: () => LogFilter): LogFilter[] {
    const items = [item()]
    while (take(word)) items.push(item())
    return items
  }
  function allOf(): LogFilter {
    const parts = listOf('AND', anyOf)
    return (entry) => parts.every((part) => part(entry))
  }
  // In this language OR binds more tightly than AND.
  function anyOf(): LogFilter {
    const parts = listOf('OR', term)
    return (entry) => parts.some((part) => part(entry))
  }
  function term(): LogFilter {
    if (take('NOT')) {
      const inner = term()
      return (entry) => !inner(entry)
    }
    if (take('(')) {
      const inner = allOf()
      expect(')')
      return inner
    }
    return take('sample') ? sample() : comparison()
  }
  /** A part of the entries: those whose field, a number from 0 to 1 in tests, is below the share. */
  function sample(): LogFilter {
    expect('(')
    const field = tokens[at++] ?? ''
    expect(',')
    const share = Number(literal(tokens[at++]))
    expect(')')
    return (entry) => Number(valueAt(entry, field)) < share
  }
  function comparison(): LogFilter {
    const field = tokens[at++] ?? ''
    const operator = tokens[at++] ?? ''
    // Unlike a comparison, its negation holds for an entry without the field.
    if (operator === '!=') {
      const wanted = literal(tokens[at++])
      return (entry) => String(valueAt(entry, field)) !== wanted
    }
    const compare = COMPARISONS[operator]
    if (compare === undefined || !/^[\w.]+$/.test(field))
      throw new Error(`${field}${operator} compares nothing in: ${text}`)
    const values: string[] = []
    if (take('(')) {
      do values.push(literal(tokens[at++]))
      while (take('OR'))
      expect(')')
    } else values.push(literal(tokens[at++]))
    return (entry) => {
      const found = valueAt(entry, field)
      return found !== undefined && values.some((wanted) => compare(found, wanted))
    }
  }
  function literal(token: string | undefined): string {
    if (token === undefined || !/^("[^"]*"|[\d.]+|[A-Z]+|true|false)$/.test(token))
      throw new Error(`${token} is no value in: ${text}`)
    return token.replaceAll('"', '')
  }

  const filter = allOf()
  if (at !== tokens.length) throw new Error(`cannot read beyond ${tokens.slice(0, at).join(' ')} in: ${text}`)
  return filter
}

/** The value at a path such as `jsonPayload.outcome` or `labels.function`. */
export function valueAt(entry: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    return Reflect.get(value, key)
  }, entry)
}
