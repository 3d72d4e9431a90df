import { Command } from 'commander'
import { positiveInteger, positiveNumber } from '../options.ts'
import type { Run } from '../program.ts'
import type { SyncOptions } from '../sync/sync.ts'

export function syncCommand(run: Run): Command {
  return new Command('sync')
    .description('Bring a users table to Customer.io, through the topic identify.')
    .requiredOption('-m, --mapping <file>', 'which columns go to which attributes: shared/repository/README.md')
    .option('--full', 'send every user, changed or not; otherwise only what differs from what was sent last')
    .option('--restart', 'with --full: from the beginning, even if a full sync was cut off')
    .option('--dry-run', 'send nothing; show who differs, and how, from what Customer.io has')
    .option('--show <number>', 'with --dry-run: show so many users', positiveInteger, 20)
    .option('--rate <number>', 'at most so many messages a second', positiveNumber)
    .option('--page-size <number>', 'users that are read and sent at a time', positiveInteger, 500)
    .option('--migrate', 'create the tables that remember what was sent (schema customerio) if they are not there')
    .addHelpText(
      'after',
      `
The database is that of DATABASE_URL, or of the PG* variables. The users table is only read.
Killed at any point, the same command goes on: what was sent and noted is not sent again, and nothing is left out.

Examples:
  cio sync --mapping users.yaml --migrate --local
  cio sync --mapping users.yaml --dry-run --env prod
  cio sync --mapping users.yaml --full --rate 500 --env prod`,
    )
    .action((options: SyncOptions, command: Command) =>
      run(command, async (context) => {
        const { sync } = await import('../sync/sync.ts')
        await sync(context, options)
      }),
    )
}
