import * as z from 'zod'
import { isRecord } from '../json/index.ts'
import { renderPath } from './problems.ts'
import { anyText } from './text.ts'

export const segmentFilter = z.strictObject({ id: z.int().positive().optional() })
export const attributeFilter = z.strictObject({
  field: anyText,
  operator: z.enum(['eq', 'exists']),
  value: z.union([z.string(), z.number(), z.boolean()]).optional(),
})

/** A filter on people: conditions on segments and attributes, and groups of them. */
export const filter = z.strictObject({
  get and() {
    return z.array(filter).optional()
  },
  get or() {
    return z.array(filter).optional()
  },
  get not() {
    return filter.optional()
  },
  segment: segmentFilter.optional(),
  attribute: attributeFilter.optional(),
})

/**
 * The first place of a filter, as a path, that says nothing about anybody: no condition, an empty group, a segment without its
 * id, a comparison without its value. Whether Customer.io takes such a place for nobody or for everybody is not known.
 */
export function emptyPlaceOf(part: unknown, path: readonly PropertyKey[] = []): string | undefined {
  if (!isRecord(part)) return undefined
  const parts = Object.entries(part).filter(([, value]) => value !== undefined)
  if (parts.length === 0) return renderPath(path)
  for (const [name, value] of parts) {
    const at = [...path, name]
    const place =
      name === 'attribute'
        ? emptyComparison(value, at)
        : Array.isArray(value)
          ? emptyGroup(value, at)
          : emptyPlaceOf(value, at)
    if (place !== undefined) return place
  }
  return undefined
}

function emptyGroup(group: readonly unknown[], path: readonly PropertyKey[]): string | undefined {
  if (group.length === 0) return renderPath(path)
  for (const [index, part] of group.entries()) {
    const place = emptyPlaceOf(part, [...path, index])
    if (place !== undefined) return place
  }
  return undefined
}

function emptyComparison(attribute: unknown, path: readonly PropertyKey[]): string | undefined {
  const isEmpty = isRecord(attribute) && attribute.operator === 'eq' && attribute.value === undefined
  return isEmpty ? renderPath([...path, 'value']) : undefined
}
