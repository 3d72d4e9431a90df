import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { NAME_PREFIX } from '../topology/names.ts'
import { findUpwards } from '../topology/topology.ts'
import { CommandError, usageError } from './errors.ts'

/** One environment of Terraform's: a folder with its values and its backend. */
export interface Environment {
  readonly name: string
  /** Path of its `values.yaml`. */
  readonly file: string
  readonly folder: string
  readonly projectId: string
  readonly customerIoRegion: 'us' | 'eu'
  /** Before every name in the project; empty where there is one pipeline. */
  readonly namePrefix: string
  /** All of `values.yaml`, not checked. */
  readonly values: unknown
}

const valuesSchema = z.looseObject({
  project_id: z.string(),
  customerio_region: z.enum(['us', 'eu']),
  name_prefix: z.string().regex(NAME_PREFIX).nullish(),
})

/**
 * Reads Terraform's values. They are looked for in a folder and above it: in a checkout, in the folder of all environments,
 * or in one of them.
 *
 * @throws when there is no such environment, or when it lacks project or region
 */
export function readEnvironment(name: string, from: string): Environment {
  if (!/^[a-z][a-z0-9-]*$/.test(name)) throw usageError(`--env ${name}: it must be the name of a folder`)
  const paths = ['terraform/environments', 'environments', '.'].map((folder) => join(folder, name, 'values.yaml'))
  const file = findUpwards(from, paths)
  if (file === undefined) {
    throw usageError(
      `--env ${name}: there is no ${paths[0]}, neither in ${from} nor above it`,
      'Go to the folder that holds terraform/environments, or use --project and --region.',
    )
  }
  const values: unknown = parse(readFileSync(file, 'utf8'))
  const checked = valuesSchema.safeParse(values)
  if (!checked.success) throw new CommandError(`${file}: ${z.prettifyError(checked.error)}`)
  const { project_id: projectId, customerio_region: customerIoRegion, name_prefix: namePrefix } = checked.data
  return { name, file, folder: dirname(file), projectId, customerIoRegion, namePrefix: namePrefix ?? '', values }
}
