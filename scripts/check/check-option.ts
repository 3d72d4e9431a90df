/**
 * Whether a command line is `--check` alone; false when it is empty. With anything else, prints `usage` and gives undefined;
 * the exit code is then 2, or 0 if help was asked for.
 */
export function checkOption(args: readonly string[], usage: string): boolean | undefined {
  if (args.length === 0) return false
  if (args.length === 1 && args[0] === '--check') return true
  console.log(usage)
  process.exitCode = ['--help', '-h'].includes(args[0] ?? '') ? 0 : 2
  return undefined
}
