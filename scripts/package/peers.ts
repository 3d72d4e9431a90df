import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { z } from 'zod'
import { PROJECT_ROOT } from '../topology/topology.ts'

const manifestSchema = z.looseObject({
  entryPeers: z.record(z.string(), z.record(z.string(), z.string())).default({}),
})

/** Packages that a part of `cio-gcp` needs and that are not installed. */
export class MissingPeersError extends Error {
  override readonly name = 'MissingPeersError'
  /** Names of packages. */
  readonly missing: readonly string[]
  constructor(what: string, missing: Readonly<Record<string, string>>) {
    const packages = Object.entries(missing).map(([name, version]) => `${name}@${version}`)
    super(
      `${what} needs packages that are not installed: ${Object.keys(missing).join(', ')}. Install them:\n` +
        `  npm install --save-dev ${packages.join(' ')}`,
    )
    this.missing = Object.keys(missing)
  }
}

/**
 * Checks that the optional peers of an entry are installed, which the package's own package.json lists. In a checkout,
 * where everything is a dependency, there is nothing to check.
 *
 * @param what how the message calls the entry
 * @throws {MissingPeersError} with the command that installs them
 */
export function requirePeers(entry: string, what: string, root: string = PROJECT_ROOT): void {
  const file = join(root, 'package.json')
  const { entryPeers } = manifestSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
  const { resolve } = createRequire(file)
  const isMissing = (name: string): boolean => {
    try {
      resolve(name)
      return false
    } catch (error) {
      // Any other code means that it is there: a package without an entry for require(), for example.
      return error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND'
    }
  }
  const missing = Object.entries(entryPeers[entry] ?? {}).filter(([name]) => isMissing(name))
  if (missing.length > 0) throw new MissingPeersError(what, Object.fromEntries(missing))
}
