/**
 * Writes the JSON Schema of each topic, for publishers in other languages, from the schemas of the contract.
 *
 *   npm run schemas              writes shared/contract/json-schema/*.schema.json
 *   npm run schemas -- --check   writes nothing; exits 1 when a file is not current
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { DEFINITIONS, identifyMessage, trackMessage, transactionalMessage } from '../../shared/contract/index.ts'

export const SCHEMA_FOLDER = join(import.meta.dirname, '../../shared/contract/json-schema')

const TOPICS = { identify: identifyMessage, track: trackMessage, transactional: transactionalMessage }

// Named here and not in the contract, whose import is part of every cold start.
for (const [id, schema] of Object.entries(DEFINITIONS)) z.globalRegistry.add(schema, { ...schema.meta(), id })

/** File name to content, of all topics. `io: 'input'`: what a publisher may send, before defaults and conversions. */
export function schemaFiles(): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(TOPICS).map(([topic, schema]) => [
      `${topic}.schema.json`,
      `${JSON.stringify(z.toJSONSchema(schema, { io: 'input' }), null, 2)}\n`,
    ]),
  )
}

/** The names of the files in `folder` that are missing or differ from the contract. */
export function staleFiles(folder: string): string[] {
  return [...schemaFiles()]
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
    say('JSON Schema files are current')
    return 0
  }
  if (check) {
    say(`not current: ${stale.join(', ')}: run npm run schemas`)
    return 1
  }
  mkdirSync(folder, { recursive: true })
  for (const [name, content] of schemaFiles()) writeFileSync(join(folder, name), content)
  say(`written: ${stale.join(', ')}`)
  return 0
}

if (process.argv[1] === import.meta.filename) {
  process.exitCode = run(SCHEMA_FOLDER, process.argv.includes('--check'), console.log)
}
