import type { FieldProblem } from '../../../../shared/contract/index.ts'
import type { Field } from '../../areas/publish/form.ts'

/** A message while it is written: a JSON object of any shape. */
export type Document = Readonly<Record<string, unknown>>

export function isDocument(value: unknown): value is Document {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The object in a text; undefined while the text is none. */
export function documentIn(text: string): Document | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    return isDocument(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}

/** With another value at a path, or without that field when the value is undefined. Fields stay in their order. */
export function changed(object: Document, [name = '', ...rest]: readonly string[], value: unknown): Document {
  const inner = object[name]
  const next = rest.length === 0 ? value : changed(isDocument(inner) ? inner : {}, rest, value)
  if (next !== undefined) return { ...object, [name]: next }
  const { [name]: _gone, ...others } = object
  return others
}

/** What somebody typed, as the message has it; undefined for nothing, which takes the field out. */
export function fromText(typed: string, { input, takesNumbers }: Pick<Field, 'input' | 'takesNumbers'>): unknown {
  if (typed === '') return undefined
  // Digits that another text would come to are a name: `007`, or more digits than a number holds.
  const isNumber = String(Number(typed)) === typed && Number.isSafeInteger(Number(typed))
  return isNumber && (input === 'number' || input === 'time' || takesNumbers === true) ? Number(typed) : typed
}

/** A value of the message, as somebody can type it. */
export function asText(value: unknown): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** What the contract says of a field. @param withInner also of what is in it, which has no place of its own in the form */
export function problemsOf(problems: readonly FieldProblem[], path: readonly string[], withInner: boolean): string {
  const own = path.join('.')
  return problems
    .flatMap(({ field, rule }) => {
      if (field === own) return [rule]
      const isInner = field.startsWith(`${own}.`) || field.startsWith(`${own}[`)
      return withInner && isInner ? [`${field.slice(own.length).replace(/^\./, '')}: ${rule}`] : []
    })
    .join('; ')
}
