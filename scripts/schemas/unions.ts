/** Unions whose errors name what was meant: `if`/`then` in place of `anyOf` and `oneOf`, which complain about every branch. */

export interface JsonSchema {
  readonly [keyword: string]: unknown
  readonly $ref?: string | undefined
  readonly type?: string
  readonly const?: string | boolean
  readonly enum?: readonly string[]
  readonly default?: unknown
  readonly description?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly allOf?: readonly JsonSchema[]
  readonly $defs?: Readonly<Record<string, JsonSchema>>
}

/** Gives a branch a name made of what tells it apart (`['person', 'identify']`, `['email']`), and returns its reference. */
export type Define = (values: readonly string[], branch: JsonSchema) => JsonSchema

/** Of a field that must not be there. */
export const ABSENT: JsonSchema = { not: {} }

// A constant, because linters take an object with the key `then` for a promise.
const THEN = 'then'

/** `if` the condition holds `then` the one, `else` the other. */
export function conditional(condition: JsonSchema, consequence: JsonSchema, otherwise?: JsonSchema): JsonSchema {
  return { if: condition, [THEN]: consequence, ...(otherwise && { else: otherwise }) }
}

/**
 * A union of objects that one field tells apart, such as `channel`: the field's values, and one condition per value. Where the
 * field may be absent, absence means its default. An unknown value fails at the field alone, a known one by the rules of its
 * branch alone. `outer`: the values of the unions around this one.
 */
export function discriminated(union: JsonSchema, define: Define, outer: readonly string[] = []): JsonSchema {
  const branches = union.oneOf ?? []
  const field = discriminatorOf(branches)
  const absent = branches
    .flatMap(leavesOf)
    .map((leaf) => leaf.properties?.[field]?.default)
    .find((value) => value !== undefined)
  const required = [field]
  return {
    type: 'object',
    properties: {
      [field]: {
        type: 'string',
        enum: branches.flatMap((branch) => valuesOf(branch, field)),
        ...(absent !== undefined && { default: absent }),
      },
    },
    ...(absent === undefined && { required }),
    allOf: branches.map((branch) => {
      const [value = ''] = valuesOf(branch, field)
      const path = [...outer, value]
      return conditional(
        { properties: { [field]: { const: value } }, ...(value !== absent && { required }) },
        branch.oneOf ? discriminated(branch, define, path) : define(path, branch),
      )
    }),
  }
}

/**
 * A union of objects of which each has required fields that no other has, as one object with all fields. Anything else is
 * returned as it is.
 */
export function exclusive(union: JsonSchema): JsonSchema {
  const { anyOf = [], ...rest } = union
  if (anyOf.length < 2 || anyOf.some(({ properties }) => properties === undefined)) return union
  const properties = Object.assign({}, ...anyOf.map((branch) => branch.properties))
  const object = { ...rest, type: 'object', properties, additionalProperties: false }
  if (anyOf.every((branch) => Object.keys(branch.properties ?? {}).length === 1)) {
    return { ...object, minProperties: 1, maxProperties: 1 }
  }
  const [first = {}, second = {}, ...more] = anyOf
  if (more.length > 0) throw new Error('at most two kinds of an object are told apart by their fields')
  const without = (branch: JsonSchema, other: JsonSchema): JsonSchema => ({
    properties: Object.fromEntries(
      Object.keys(other.properties ?? {})
        .filter((name) => branch.properties?.[name] === undefined)
        .map((name) => [name, ABSENT]),
    ),
  })
  return {
    ...object,
    ...conditional({ required: second.required }, without(second, first), { required: first.required }),
  }
}

function leavesOf(branch: JsonSchema): readonly JsonSchema[] {
  return branch.oneOf ? branch.oneOf.flatMap(leavesOf) : [branch]
}

function valuesOf(branch: JsonSchema, field: string): string[] {
  const values = leavesOf(branch).map(({ properties }) => properties?.[field]?.const)
  return [...new Set(values.filter((value) => typeof value === 'string'))]
}

/** The first field whose value differs from branch to branch. */
function discriminatorOf(branches: readonly JsonSchema[]): string {
  const fields = Object.keys(branches.flatMap(leavesOf)[0]?.properties ?? {})
  const field = fields.find((name) => {
    const values = branches.map((branch) => valuesOf(branch, name))
    return values.every(({ length }) => length === 1) && new Set(values.flat()).size === branches.length
  })
  if (field === undefined) throw new Error('a union without a field that tells its branches apart')
  return field
}
