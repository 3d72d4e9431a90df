import * as z from 'zod'
import type { SecretSource } from '../secrets/index.ts'

/** The variables that a function is given. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Who gives a variable its value:
 *
 * - `Terraform` computes it from pipeline.yaml and from what it creates
 * - `values.yaml` of an environment, through Terraform
 * - `pipeline.yaml`, under `environment` of the function, when it should differ from the default
 * - `platform`: Cloud Run or the functions framework
 * - `local`: the local stack, or a person on their own machine
 */
export type SetBy = 'Terraform' | 'values.yaml' | 'pipeline.yaml' | 'platform' | 'local'

/** What there is to know about one environment variable. */
export interface Variable {
  readonly name: string
  /** A phrase without a full stop. */
  readonly meaning: string
  readonly setBy: SetBy
  /** As the variable would be written, or in words. Absent: the variable must be set. */
  readonly default?: string
  /** The values that are taken, in words. */
  readonly range: string
}

/** A zod schema says how a value is parsed; this says which variables it is read from. */
export interface Setting {
  readonly variables: readonly Variable[]
  /** What the schema parses. */
  read(env: Environment): unknown
}

/** The setting of each schema that the functions below make. */
export const settings = z.registry<Setting>()

interface About {
  readonly meaning: string
  readonly setBy: SetBy
}

type Read = Setting['read']

function setting<S extends z.ZodType>(schema: S, variable: Variable, read: Read = (env) => env[variable.name]): S {
  settings.add(schema, { variables: [variable], read })
  return schema
}

/** A text that must be set: `fix` says to what. */
export function text(name: string, { meaning, setBy, fix }: About & { readonly fix: string }): z.ZodType<string> {
  return setting(z.string({ error: `is not set: ${fix}` }), { name, meaning, setBy, range: 'any text' })
}

export function textOr(name: string, fallback: string, { meaning, setBy }: About): z.ZodType<string> {
  return setting(z.string().default(fallback), { name, meaning, setBy, default: fallback || 'none', range: 'any text' })
}

export interface NumberSetting extends About {
  /** In the plural, such as `milliseconds`. */
  readonly unit: string
  readonly from: number
  readonly to: number
  /** Decimals are taken; only whole numbers by default. */
  readonly decimals?: boolean
  /** What one unit of the variable is in the configuration's own unit: 1,000 for seconds that become milliseconds. */
  readonly scale?: number
}

/** A number within bounds. Without a fallback it must be set. */
export function number(name: string, fallback: number | undefined, about: NumberSetting): z.ZodType<number> {
  const { meaning, setBy, unit, from, to, scale = 1 } = about
  const given = z.string({ error: `is not set: give it ${meaning}` })
  const schema = (fallback === undefined ? given : given.default(String(fallback))).transform(
    (digits, { addIssue }) => {
      const rule = brokenRule(digits, about)
      if (rule !== undefined) addIssue(rule)
      return Number(digits) * scale
    },
  )
  const range = `${grouped(from)} to ${grouped(to)} ${unit}`
  return setting(schema, { name, meaning, setBy, range, ...(fallback !== undefined && { default: String(fallback) }) })
}

/** A number that means something else by its absence, as `absent` says. */
export function optionalNumber(name: string, absent: string, about: NumberSetting): z.ZodType<number | undefined> {
  const { meaning, setBy, unit, from, to, scale = 1 } = about
  const schema = z
    .string()
    .optional()
    .transform((given, { addIssue }) => {
      if (given === undefined) return undefined
      const rule = brokenRule(given, about)
      if (rule !== undefined) addIssue(`${rule}; leave it out for ${absent}`)
      return Number(given) * scale
    })
  return setting(schema, { name, meaning, setBy, default: absent, range: `${grouped(from)} to ${grouped(to)} ${unit}` })
}

/** The rule that a number breaks, or undefined. */
function brokenRule(given: string, { unit, from, to, decimals = false }: NumberSetting): string | undefined {
  if (!/^\d+(\.\d+)?$/.test(given)) return `must be a number of ${unit}`
  if (Number(given) < from) return `must be at least ${from} ${unit}`
  if (Number(given) > to) return `must be at most ${to} ${unit}`
  if (!decimals && !Number.isInteger(Number(given))) return `must be a whole number of ${unit}`
  return undefined
}

/** `1,000`. Not with toLocaleString, whose first call costs a cold start 15 ms. */
function grouped(value: number): string {
  const digits = String(value)
  if (!Number.isInteger(value) || value < 0) return digits
  const first = digits.length % 3 || 3
  return [digits.slice(0, first), ...(digits.slice(first).match(/\d{3}/g) ?? [])].join(',')
}

/** One of a few words. Without a fallback it must be set. */
export function oneOf<const Words extends readonly [string, ...string[]]>(
  name: string,
  words: Words,
  fallback: Words[number] | undefined,
  { meaning, setBy }: About,
): z.ZodType<Words[number]> {
  const schema = z.enum(words, { error: `must be ${listed(words)}` })
  const variable = { name, meaning, setBy, range: listed(words), ...(fallback !== undefined && { default: fallback }) }
  return setting(schema, variable, (env) => env[name] ?? fallback)
}

/** `a, b or c`. */
export const listed = (words: readonly string[]) => `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`

/**
 * An http or https address, without its final slashes. `fallback` makes it of other variables; without one it must be set.
 */
export function httpUrl(
  name: string,
  fallback: { readonly words: string; from(env: Environment): string } | undefined,
  { meaning, setBy }: About,
): z.ZodType<string> {
  const range = 'an http or https address'
  const error = ({ input }: { readonly input?: unknown }) =>
    input === undefined ? `is not set: give it ${meaning}` : `must be ${range}`
  const schema = z.url({ protocol: /^https?$/, error }).transform((url) => url.replace(/(?<!\/)\/+$/, ''))
  const variable = { name, meaning, setBy, range, ...(fallback !== undefined && { default: fallback.words }) }
  return setting(schema, variable, (env) => env[name] ?? fallback?.from(env))
}

const secretSource = (name: string) =>
  // That the content is `unset` shows only when it is read.
  z
    .object({ name: z.string(), value: z.string().optional(), file: z.string().optional() })
    .superRefine(({ value, file }, { addIssue }) => {
      if (value !== undefined && file !== undefined) addIssue(`is set beside ${name}_FILE: keep one of them`)
    })

/** A secret: `NAME_FILE`, the path of a mounted secret, or `NAME`, the value itself. */
export function secret(name: string, meaning: string): z.ZodType<SecretSource> {
  const schema = secretSource(name).superRefine(({ value, file }, { addIssue }) => {
    if (value === undefined && file === undefined)
      addIssue(`is not set: set ${name}_FILE to the path of the mounted secret, or ${name} to its value`)
  })
  return secretSetting(schema, name, meaning, `**required**, unless ${name} is set`)
}

/** A secret whose absence means something too, as `absent` says. */
export function optionalSecret(name: string, meaning: string, absent: string): z.ZodType<SecretSource | undefined> {
  const schema = secretSource(name).transform((source) =>
    source.value === undefined && source.file === undefined ? undefined : source,
  )
  return secretSetting(schema, name, meaning, absent)
}

function secretSetting<S extends z.ZodType>(schema: S, name: string, meaning: string, fallback: string): S {
  const file = { name: `${name}_FILE`, meaning: `path of the file that holds ${meaning}`, setBy: 'Terraform' } as const
  const value = { name, meaning: `${meaning}, instead of the file`, setBy: 'local', default: 'the file' } as const
  settings.add(schema, {
    variables: [
      { ...file, default: fallback, range: 'a path' },
      { ...value, range: 'any text' },
    ],
    read: (env) => ({ name, value: env[name], file: env[`${name}_FILE`] }),
  })
  return schema
}
