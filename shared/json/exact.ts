/** What Node has since version 21, and the types of ES2024 do not have yet: https://github.com/tc39/proposal-json-parse-with-source */
interface JsonWithSource {
  parse(text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown
  rawJSON(text: string): unknown
  isRawJSON(value: unknown): value is { readonly rawJSON: string }
}
const json = JSON as unknown as JsonWithSource

const UINT64_MAX = 2n ** 64n - 1n
const INT64_MIN = -(2n ** 63n)
const LONG_NUMBER = /\d{16}/

/**
 * Parses JSON so that `JSON.stringify` writes the same integers again, beyond the 53 bits of a number as far as BigQuery
 * holds them (64). Such an integer is an opaque object in between. Throws a SyntaxError as `JSON.parse` does.
 */
export function parseJson(text: string): unknown {
  if (!LONG_NUMBER.test(text)) return JSON.parse(text)
  return json.parse(text, (_key, value, { source }) => {
    if (typeof value !== 'number' || Number.isSafeInteger(value) || source === undefined) return value
    if (!/^-?\d{16,20}$/.test(source)) return value
    const exact = BigInt(source)
    return exact >= INT64_MIN && exact <= UINT64_MAX ? json.rawJSON(source) : value
  })
}

/** The digits of an integer that `parseJson` kept because a number of JavaScript cannot hold it; undefined for anything else. */
export function longInteger(value: unknown): string | undefined {
  return json.isRawJSON(value) ? value.rawJSON : undefined
}
