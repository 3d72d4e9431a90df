/** Types for Python, made from the JSON Schemas: a `TypedDict` per object, a union per topic. */
import type { JsonSchema } from './unions.ts'

const KEYWORDS: ReadonlySet<string> = new Set([
  'from',
  'and',
  'class',
  'import',
  'global',
  'in',
  'is',
  'not',
  'or',
  'pass',
  'with',
])
const LINE = 110

const HEADER = `"""Messages for the topics identify, track and transactional, as type checkers see them.

Made from the JSON Schemas by \`npm run schemas\`: do not edit. Needs Python 3.11 or newer, and nothing else.
The types say which fields there are. Lengths and formats are in the JSON Schemas.
"""

from typing import Any, Literal, NotRequired, TypedDict, Union
`

/** One module of all the schemas. Throws where two of them mean different things by one name. */
export function pythonTypes(schemas: readonly JsonSchema[]): string {
  const definitions = new Map<string, JsonSchema>()
  for (const schema of schemas) {
    for (const [name, definition] of Object.entries({ ...schema.$defs, [String(schema.title)]: schema })) {
      const known = definitions.get(name)
      if (known && JSON.stringify(known) !== JSON.stringify(definition)) throw new Error(`${name} has two meanings`)
      definitions.set(name, definition)
    }
  }
  const written = new Map<string, string>()
  const write = (name: string): void => {
    const definition = definitions.get(name)
    if (written.has(name) || definition === undefined) return
    for (const dependency of referencesOf(definition)) if (dependency !== name) write(dependency)
    written.set(name, statement(name, definition))
  }
  for (const name of definitions.keys()) write(name)
  return [HEADER, ...written.values()].join('\n\n')
}

function statement(name: string, definition: JsonSchema): string {
  const { properties } = definition
  const description = wrapped(String(definition.description))
  if (definition.allOf) return `${comment(description)}\n${name} = Union[${branchesOf(definition).join(', ')}]\n`
  if (properties === undefined) return `${comment(description)}\n${name} = ${expression(definition)}\n`
  const fields = Object.entries(properties).map(([field, schema]) => {
    // Within its own definition a name is a reference forward.
    const type = expression(schema).replace(new RegExp(`\\b${name}\\b`, 'g'), `"${name}"`)
    return { field, type: definition.required?.includes(field) ? type : `NotRequired[${type}]`, schema }
  })
  // A keyword cannot name a field of a class.
  if (fields.some(({ field }) => KEYWORDS.has(field))) {
    const lines = fields.map(({ field, type, schema }) => `${note(schema)}    "${field}": ${type},\n`)
    return `${comment(description)}\n${name} = TypedDict("${name}", {\n${lines.join('')}})\n`
  }
  const lines = fields.map(({ field, type, schema }) => `${note(schema)}    ${field}: ${type}\n`)
  return `class ${name}(TypedDict):\n    """${description.join('\n    ')}"""\n\n${lines.join('')}`
}

function expression(schema: JsonSchema): string {
  const { $ref, anyOf, type, items, additionalProperties } = schema
  if ($ref !== undefined) return nameOf($ref)
  if (schema.const !== undefined) return `Literal["${schema.const}"]`
  if (schema.enum) return `Literal[${schema.enum.map((value) => `"${value}"`).join(', ')}]`
  if (anyOf) return `Union[${[...new Set(anyOf.map(expression))].join(', ')}]`
  if (type === 'array' && items) return `list[${expression(items)}]`
  if (type === 'object' && schema.properties === undefined) {
    const value = additionalProperties as JsonSchema | undefined
    return `dict[str, ${value?.type ? expression(value) : 'Any'}]`
  }
  const plain = { string: 'str', integer: 'int', number: 'Union[int, float]', boolean: 'bool', null: 'None' }[
    type ?? ''
  ]
  if (plain === undefined) throw new Error(`no Python type for ${JSON.stringify(schema)}: name it in DEFINITIONS`)
  return plain
}

/** The definitions that a schema names, in its properties and its branches. */
function referencesOf(schema: JsonSchema): string[] {
  const { $defs, ...own } = schema
  return [...JSON.stringify(own).matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference = '']) => nameOf(reference))
}
const branchesOf = ({ allOf }: JsonSchema): string[] => referencesOf({ allOf })

const nameOf = (reference: string): string => reference.slice(reference.lastIndexOf('/') + 1)

function wrapped(text: string): string[] {
  return text
    .replace(new RegExp(`(.{1,${LINE}})(?: |$)`, 'g'), '$1\n')
    .trimEnd()
    .split('\n')
}
const comment = (lines: readonly string[]): string => lines.map((line) => `# ${line}`).join('\n')
const note = ({ description }: JsonSchema): string =>
  wrapped(String(description))
    .map((line) => `    # ${line}\n`)
    .join('')
