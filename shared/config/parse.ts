import * as z from 'zod'
import { type Environment, settings, type Variable } from './setting.ts'

/** Everything wrong with the environment. Names variables and fixes; shows no value. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`invalid configuration: ${problems.join('; ')}`)
    this.problems = problems
  }
}

/**
 * Reads a configuration, as its schema of settings and groups of settings describes it.
 *
 * @param relations what is wrong with values that are each valid, in words like those of a ConfigurationError
 * @throws {ConfigurationError} with everything that is wrong at once
 */
export function parse<S extends z.ZodObject>(
  schema: S,
  environment: Environment,
  relations: (config: z.output<S>) => readonly string[] = () => [],
): z.output<S> {
  // An empty variable is one that is not set: Terraform and shells write it so.
  const env = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  const parsed = schema.safeParse(inputOf(schema, env))
  if (!parsed.success) {
    throw new ConfigurationError(parsed.error.issues.map(({ path, message }) => `${nameAt(schema, path)} ${message}`))
  }
  const problems = relations(parsed.data)
  if (problems.length > 0) throw new ConfigurationError(problems)
  return parsed.data
}

/** Every variable that a configuration is read from, in its order. */
export function variablesOf(schema: z.core.$ZodType): readonly Variable[] {
  const own = settings.get(schema)
  if (own !== undefined) return own.variables
  return schema instanceof z.ZodObject ? Object.values(schema.shape).flatMap(variablesOf) : []
}

/** What the schema parses: each setting with what it reads from the environment. */
function inputOf(schema: z.core.$ZodType, env: Environment): unknown {
  const own = settings.get(schema)
  if (own !== undefined) return own.read(env)
  if (!(schema instanceof z.ZodObject)) return undefined
  return Object.fromEntries(Object.entries(schema.shape).map(([key, part]) => [key, inputOf(part, env)]))
}

/** The variable that a problem is about. Of a secret it is the literal, which is how people know it. */
function nameAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): string {
  const own = settings.get(schema)
  if (own !== undefined) return own.variables.at(-1)?.name ?? ''
  const [key, ...rest] = path
  const part = schema instanceof z.ZodObject ? schema.shape[String(key)] : undefined
  return part === undefined ? path.join('.') : nameAt(part, rest)
}
