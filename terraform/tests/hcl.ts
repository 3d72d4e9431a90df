import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from '@cdktf/hcl2json'
import { z } from 'zod'

/** The folder of the Terraform module. */
export const MODULE = join(import.meta.dirname, '..')

/** Reads Terraform's own files as data, so that tests and documents need no Terraform. */

const block = z.record(z.string(), z.unknown())
export type Block = z.infer<typeof block>
/** hcl2json writes every block as a list, since most kinds of block may be repeated. */
const labelled = z.record(z.string(), z.array(block).min(1))

const file = z.object({
  variable: labelled.optional(),
  output: labelled.optional(),
  resource: z.record(z.string(), labelled).optional(),
  data: z.record(z.string(), labelled).optional(),
  locals: z.array(block).optional(),
  module: labelled.optional(),
})

/** One module: its blocks by name, resources by `type.name`. Expressions stay text within `${…}`. */
export interface Module {
  readonly variables: ReadonlyMap<string, Block>
  readonly outputs: ReadonlyMap<string, Block>
  readonly resources: ReadonlyMap<string, Block>
  readonly modules: ReadonlyMap<string, Block>
  readonly locals: Block
  /** The text of each file, by its name. */
  readonly sources: ReadonlyMap<string, string>
}

/** Parses all `.tf` files of a directory. Throws with the file's name when one is not valid HCL. */
export async function readModule(directory: string): Promise<Module> {
  const names = readdirSync(directory)
    .filter((name) => name.endsWith('.tf'))
    .sort()
  const sources = new Map(names.map((name) => [name, readFileSync(join(directory, name), 'utf8')]))
  const files = await Promise.all([...sources].map(async ([name, text]) => file.parse(await parse(name, text))))
  return {
    variables: merged(files.map((f) => f.variable ?? {})),
    outputs: merged(files.map((f) => f.output ?? {})),
    modules: merged(files.map((f) => f.module ?? {})),
    resources: merged(
      files.flatMap((f) =>
        Object.entries(f.resource ?? {}).map(([type, named]) =>
          Object.fromEntries(Object.entries(named).map(([name, body]) => [`${type}.${name}`, body])),
        ),
      ),
    ),
    locals: Object.assign({}, ...files.flatMap((f) => f.locals ?? [])),
    sources,
  }
}

function merged(parts: readonly Readonly<Record<string, readonly Block[]>>[]): Map<string, Block> {
  return new Map(
    parts.flatMap((part) => Object.entries(part).map(([name, [body]]): [string, Block] => [name, body ?? {}])),
  )
}
