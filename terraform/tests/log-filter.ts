/**
 * Evaluates the part of Cloud Logging's query language that our metrics are written in, so that a test can hold the
 * filters against real log lines: `field="text"`, `field=1`, `field>=1`, `field=("a" OR "b")`, AND, OR, parentheses.
 */
export type LogFilter = (entry: unknown) => boolean

/** Throws when the text is not in that part of the language: then the test has to learn it first. */
export function parseLogFilter(text: string): LogFilter {
  const tokens = text.match(/"[^"]*"|>=|[()=]|[\w.]+/g) ?? []
  if (tokens.join('') !== text.replaceAll(/\s+(?=(?:[^"]*"[^"]*")*[^"]*$)/g, ''))
    throw new Error(`cannot read: ${text}`)
  let at = 0

  function expect(token: string): void {
    if (tokens[at] !== token) throw new Error(`expected ${token} instead of ${tokens[at] ?? 'the end'} in: ${text}`)
    at += 1
  }
  function listOf(word: 'AND' | 'OR', item: () => LogFilter): LogFilter[] {
    const items = [item()]
    while (tokens[at] === word) {
      at += 1
      items.push(item())
    }
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
    if (tokens[at] === '(') {
      at += 1
      const inner = allOf()
      expect(')')
      return inner
    }
    return comparison()
  }
  function comparison(): LogFilter {
    const field = tokens[at++] ?? ''
    const operator = tokens[at++]
    if (operator === '>=') {
      const least = Number(tokens[at++])
      return (entry) => Number(valueAt(entry, field)) >= least
    }
    at -= 1
    expect('=')
    const values: string[] = []
    if (tokens[at] === '(') {
      do {
        at += 1
        values.push(literal(tokens[at++]))
      } while (tokens[at] === 'OR')
      expect(')')
    } else values.push(literal(tokens[at++]))
    return (entry) => {
      const value = valueAt(entry, field)
      return value !== undefined && values.includes(String(value))
    }
  }
  function literal(token: string | undefined): string {
    if (token === undefined || !/^("[^"]*"|\d+)$/.test(token)) throw new Error(`${token} is no value in: ${text}`)
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

/** A log line of a function, as Cloud Logging stores it: its special fields leave the payload. */
export function entryOf(line: string): unknown {
  const { severity, 'logging.googleapis.com/labels': labels, ...jsonPayload } = JSON.parse(line)
  return { severity, labels, jsonPayload }
}
