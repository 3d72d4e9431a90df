import { existsSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { usageError, wordsOf } from './errors.ts'
import type { Output } from './output.ts'

/**
 * Writes personal data to a new file that only its owner can read, and warns where git would take it along.
 *
 * @throws when the file exists or cannot be written
 */
export function writePrivately(output: Output, path: string, text: string): void {
  try {
    writeFileSync(path, text, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    throw usageError(`--out: ${wordsOf(error)}`)
  }
  const tree = workTreeOf(dirname(resolve(path)))
  if (tree !== undefined) {
    output.warn(`${path} holds personal data and is in the git work tree ${tree}: move it out, or never commit it`)
  }
}

/** `.git` is a folder, or a file in a linked work tree. */
function workTreeOf(directory: string): string | undefined {
  for (let at = directory; ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return at
    if (dirname(at) === at) return undefined
  }
}
