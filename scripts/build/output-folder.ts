import { join, resolve } from 'node:path'
import { PROJECT_ROOT } from '../topology/topology.ts'

/**
 * The folder that a command line names, `dist` by default. With anything else on the command line, prints `usage` and gives
 * undefined; the exit code is then 2, or 0 if help was asked for.
 */
export function outputFolder(args: readonly string[], usage: string): string | undefined {
  if (args.length <= 1 && !args[0]?.startsWith('-')) return resolve(args[0] ?? join(PROJECT_ROOT, 'dist'))
  console.log(usage)
  process.exitCode = ['--help', '-h'].includes(args[0] ?? '') ? 0 : 2
  return undefined
}
