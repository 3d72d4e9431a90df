import { type FieldProblem, renderPath } from '../../../../shared/contract/index.ts'
import { isRecord } from '../../../../shared/json/index.ts'

/** A line of a JSON document as it is shown, with what the contract says of its field. */
export interface FieldLine {
  readonly depth: number
  readonly key: string | undefined
  /** A value as JSON, or the bracket that opens or closes one. */
  readonly text: string
  /** Rules that the field breaks. */
  readonly problems: readonly string[]
}

/** A page of more lines than this shows nobody anything. */
const MOST_LINES = 2_000
/** Deeper than a screen is wide. */
const MOST_DEPTH = 100
const LONGEST_VALUE = 2_000

/**
 * A document line by line, as indented JSON, with each problem at its field. A problem of a field that is not there stands
 * with the object that lacks it.
 */
export function linesOf(document: unknown, problems: readonly FieldProblem[]): readonly FieldLine[] {
  const rules = Map.groupBy(problems, ({ field }) => field)
  const lines: FieldLine[] = []

  function take(path: readonly PropertyKey[]): readonly string[] {
    const field = renderPath(path)
    const found = rules.get(field) ?? []
    rules.delete(field)
    return found.map(({ rule }) => rule)
  }

  function add(value: unknown, path: readonly PropertyKey[], comma: string): void {
    const depth = path.length
    const last = path.at(-1)
    const key = typeof last === 'string' ? JSON.stringify(last) : undefined
    const entries = entriesOf(value)
    if (entries === undefined || entries.length === 0) {
      const text = entries === undefined ? cut(JSON.stringify(value) ?? 'null') : Array.isArray(value) ? '[]' : '{}'
      lines.push({ depth, key, text: `${text}${comma}`, problems: take(path) })
      return
    }
    const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}']
    if (depth === MOST_DEPTH) {
      lines.push({ depth, key, text: `${open}…${close}${comma}`, problems: take(path) })
      return
    }
    lines.push({ depth, key, text: open, problems: take(path) })
    for (const [index, [name, inner]] of entries.entries()) {
      if (lines.length >= MOST_LINES) break
      add(inner, [...path, name], index === entries.length - 1 ? '' : ',')
    }
    lines.push({ depth, key: undefined, text: `${close}${comma}`, problems: [] })
  }

  add(document, [], '')
  if (lines.length >= MOST_LINES) lines.push({ depth: 0, key: undefined, text: '…', problems: [] })
  const missing = [...rules].flatMap(([field, all]) => all.map(({ rule }) => `${field}: ${rule}`))
  return lines.map((line, index) => (index === 0 ? { ...line, problems: [...line.problems, ...missing] } : line))
}

function entriesOf(value: unknown): readonly (readonly [PropertyKey, unknown])[] | undefined {
  // One more than are shown, so that the last of these has its comma.
  if (Array.isArray(value)) return [...value.slice(0, MOST_LINES + 1).entries()]
  if (!isRecord(value)) return undefined
  const names = Object.keys(value)
  return names.slice(0, MOST_LINES + 1).map((name) => [name, value[name]] as const)
}

function cut(text: string): string {
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text
}
