/**
 * Writes what publishers in other languages need, from the schemas of the contract: a JSON Schema per topic and one of the attributes, and types for Python.
 *
 *   npm run schemas              writes shared/contract/json-schema/*.schema.json and shared/contract/python
 *   npm run schemas -- --check   writes nothing; exits 1 when a file is not current
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { checkOption } from '../check/check-option.ts'
import { CONTRACT_FOLDER } from './folders.ts'
import { attributesSchema, TOPICS, topicSchema } from './json-schema.ts'
import { pythonTypes } from './python.ts'
import type { JsonSchema } from './unions.ts'

/** File name within the contract's folder to content. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const schemas: readonly (readonly [string, JsonSchema])[] = [
    ...Object.keys(TOPICS).map((topic) => [topic, topicSchema(topic as keyof typeof TOPICS)] as const),
    ['attributes', attributesSchema()],
  ]
  return new Map([
    ...schemas.map(
      ([topic, schema]) => [`json-schema/${topic}.schema.json`, `${JSON.stringify(schema, null, 2)}\n`] as const,
    ),
    ['python/customerio_messages.py', pythonTypes(schemas.map(([, schema]) => schema))],
  ])
}

/** The names of the files in `folder` that are missing or differ from the contract. */
export function staleFiles(folder: string): string[] {
  return [...generatedFiles()]
    .filter(([name, content]) => {
      try {
        return readFileSync(join(folder, name), 'utf8') !== content
      } catch {
        return true
      }
    })
    .map(([name]) => name)
}

/** Writes, or with `check` only compares. Returns the exit code. */
export function run(folder: string, check: boolean, say: (line: string) => void): number {
  const stale = staleFiles(folder)
  if (stale.length === 0) {
    say('JSON Schemas and Python types are current')
    return 0
  }
  if (check) {
    say(`not current: ${stale.join(', ')}: run npm run schemas`)
    return 1
  }
  for (const [name, content] of generatedFiles()) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
  say(`written: ${stale.join(', ')}`)
  return 0
}

if (process.argv[1] === import.meta.filename) {
  const usage = 'npm run schemas [-- --check]\n\nWrites JSON Schemas and Python types; with --check only compares.'
  const check = checkOption(process.argv.slice(2), usage)
  if (check !== undefined) process.exitCode = run(CONTRACT_FOLDER, check, console.log)
}
