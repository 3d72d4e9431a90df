import { Command, InvalidArgumentError } from 'commander'
import type { Run } from '../context.ts'
import { SEVERITIES, type Severity } from '../logs/entry.ts'
import type { LogsOptions } from '../logs/logs.ts'
import { age, positiveInteger } from '../options.ts'

export function logsCommand(run: Run): Command {
  return new Command('logs')
    .description("Print the functions' log lines, one readable line each.")
    .argument('[functions...]', 'only these; all by default')
    .option('--severity <severity>', `at least this severe: ${SEVERITIES.join(', ')}`, severity, 'DEBUG' as const)
    .option('--since <age>', 'look this far back: 90s, 15m, 2h, 3d', age, 3_600_000)
    .option('--limit <number>', 'of what is there already, show at most this many, the newest', positiveInteger, 200)
    .option('--follow', 'go on with what comes, until Ctrl-C')
    .addHelpText(
      'after',
      `
For a deployment it reads Cloud Logging with your own credentials (roles/logging.viewer), and with --follow again every 10 s.
A line names no person: see shared/logging.

Examples:
  cio-gcp logs --follow --local
  cio-gcp logs webhook transactional --severity WARNING --local
  cio-gcp logs --since 15m --env prod`,
    )
    .action((functions: readonly string[], options: LogsOptions, command: Command) =>
      run(command, async (context) => {
        const { logs } = await import('../logs/logs.ts')
        await logs(context, functions, options)
      }),
    )
}

function severity(text: string): Severity {
  const found = SEVERITIES.find((each) => each === text.toUpperCase())
  if (found === undefined) throw new InvalidArgumentError(`It must be one of: ${SEVERITIES.join(', ')}.`)
  return found
}
