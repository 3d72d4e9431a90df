export type JsonObject = Record<string, unknown>

/** Whether a value is an object with properties to look at. The emulators' own: they import nothing of the product. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
