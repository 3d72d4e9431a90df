import type { TopicName } from '../../../../shared/contract/index.ts'
import identify from '../../../../shared/contract/json-schema/identify.schema.json' with { type: 'json' }
import track from '../../../../shared/contract/json-schema/track.schema.json' with { type: 'json' }
import transactional from '../../../../shared/contract/json-schema/transactional.schema.json' with { type: 'json' }
import { isRecord } from '../../../../shared/json/index.ts'

/** How a person gives a field. `alternatives`: exactly one of its fields; `group`: any of them; `files`: contents in base64. */
export type Input =
  | 'text'
  | 'lines'
  | 'number'
  | 'flag'
  | 'choice'
  | 'time'
  | 'json'
  | 'files'
  | 'alternatives'
  | 'group'

export interface Field {
  readonly name: string
  readonly input: Input
  readonly required: boolean
  /** What it means, in the words of the contract. */
  readonly description: string
  /** Of a choice. */
  readonly choices?: readonly string[]
  /** Text of digits is meant as a number: a template by its number or its name. */
  readonly takesNumbers?: boolean
  /** Of alternatives and groups. */
  readonly fields?: readonly Field[]
}

/** One kind of message of a topic, such as `email` or `person delete`. */
export interface Kind {
  readonly name: string
  readonly description: string
  /** The fields that tell it from the other kinds. */
  readonly fixed: Readonly<Record<string, string>>
  readonly fields: readonly Field[]
  /** Messages that keep the contract, as the contract's README shows them. */
  readonly examples: readonly Readonly<Record<string, unknown>>[]
}

interface Schema {
  readonly [keyword: string]: unknown
  readonly $ref?: string
  readonly type?: string
  readonly const?: unknown
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly description?: string
  readonly pattern?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: boolean | Schema
  readonly required?: readonly string[]
  readonly anyOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
  readonly then?: Schema
  readonly maxProperties?: number
  readonly $defs?: Readonly<Record<string, Schema>>
  readonly examples?: readonly Readonly<Record<string, unknown>>[]
}

const SCHEMAS: Readonly<Record<TopicName, Schema>> = { identify, track, transactional }

/** The kinds of messages of a topic, with a form for each, read from its JSON Schema. Pure. */
export function kindsOf(topic: TopicName): readonly Kind[] {
  const root = SCHEMAS[topic]
  return new Reader(root).kinds(root)
}

/** Each once, where the contract takes several spellings. */
function choicesIn(values: readonly unknown[]): readonly string[] {
  const texts = values.filter((value) => typeof value === 'string')
  return [...new Map(texts.toReversed().map((text) => [text.toLowerCase(), text])).values()].toReversed()
}

class Reader {
  readonly #root: Schema

  constructor(root: Schema) {
    this.#root = root
  }

  kinds(schema: Schema): readonly Kind[] {
    const whole = this.#resolve(schema)
    const branches = whole.allOf ?? []
    if (branches.length > 0) return branches.flatMap(({ then }) => (then === undefined ? [] : this.kinds(then)))
    const properties = Object.entries(whole.properties ?? {})
    const fixed = properties.filter((property): property is [string, Schema & { const: string }] => {
      return typeof property[1].const === 'string'
    })
    const required = new Set(whole.required)
    const kind = {
      name: fixed.map(([, { const: value }]) => value).join(' '),
      description: whole.description ?? '',
      fixed: Object.fromEntries(fixed.map(([name, { const: value }]) => [name, value])),
      fields: properties
        .filter(([, { const: value }]) => value === undefined)
        .map(([name, property]) => this.#field(name, property, required.has(name)))
        .sort((a, b) => Number(b.required) - Number(a.required)),
    }
    const defaults = fixed.filter(([, { default: value }]) => value !== undefined).map(([name]) => name)
    const examples = (this.#root.examples ?? []).filter((example) =>
      fixed.every(
        ([name, { const: value }]) => (example[name] ?? (defaults.includes(name) ? value : undefined)) === value,
      ),
    )
    return [{ ...kind, examples }]
  }

  #field(name: string, given: Schema, required: boolean): Field {
    const schema = this.#withoutNull(given)
    const description = given.description ?? schema.description ?? ''
    return { name, required, description, ...this.#input(schema, given) }
  }

  #input(schema: Schema, given: Schema): Omit<Field, 'name' | 'required' | 'description'> {
    if (this.#isTime(given)) return { input: 'time' }
    if (schema.enum !== undefined) return { input: 'choice', choices: choicesIn(schema.enum) }
    const union = schema.anyOf?.map((one) => this.#resolve(one))
    if (union !== undefined) {
      const types = union.map(({ type }) => type)
      const isScalar = types.every((type) => type === 'string' || type === 'integer' || type === 'number')
      return isScalar ? { input: 'text', takesNumbers: types.some((type) => type !== 'string') } : { input: 'json' }
    }
    switch (schema.type) {
      case 'string':
        // A single line where line breaks are refused, or the pattern has no place for them.
        return { input: schema.pattern === undefined ? 'lines' : 'text' }
      case 'boolean':
        return { input: 'flag' }
      case 'integer':
      case 'number':
        return { input: 'number' }
      case 'object':
        return this.#objectInput(schema)
      default:
        return { input: 'json' }
    }
  }

  #objectInput(schema: Schema): Omit<Field, 'name' | 'required' | 'description'> {
    const { additionalProperties: values } = schema
    if (isRecord(values)) {
      const isBase64 = typeof values.pattern === 'string' && values.pattern.includes('A-Za-z0-9+/=')
      return { input: isBase64 ? 'files' : 'json' }
    }
    const properties = Object.entries(schema.properties ?? {})
    // A filter holds filters: no form ends there.
    const isNested = properties.some(([, { type, items }]) => type === 'array' && isRecord(items))
    if (values !== false || isNested) return { input: 'json' }
    const required = new Set(schema.required)
    const fields = properties.map(([name, property]) => this.#field(name, property, required.has(name)))
    return { input: schema.maxProperties === 1 ? 'alternatives' : 'group', fields }
  }

  #isTime(schema: Schema): boolean {
    return [schema, ...(schema.anyOf ?? [])].some(({ $ref }) => $ref === '#/$defs/UnixSeconds')
  }

  #withoutNull(schema: Schema): Schema {
    const others = schema.anyOf?.filter(({ type }) => type !== 'null')
    const [only] = others ?? []
    return this.#resolve(others?.length === 1 && only !== undefined ? only : schema)
  }

  #resolve(schema: Schema): Schema {
    const name = schema.$ref?.replace('#/$defs/', '')
    const definition = name === undefined ? undefined : this.#root.$defs?.[name]
    return definition === undefined ? schema : { ...definition, ...schema, $ref: undefined }
  }
}
