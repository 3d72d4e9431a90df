import { Command } from 'commander'
import { documentPath } from '../../topology/topology.ts'
import type { Run } from '../context.ts'
import { positiveInteger, positiveNumber } from '../options.ts'
import type { SyncOptions } from '../sync/sync.ts'

export function syncCommand(run: Run): Command {
  return new Command('sync')
    .description('Send the changed rows of a users table to Customer.io, through the topic identify.')
    .requiredOption(
      '-m, --mapping <file>',
      `file that maps columns to attributes: ${documentPath('shared/repository/README.md')}`,
    )
    .option('--full', 'send every user, not only those that changed since the last sync')
    .option('--resume', 'with --full: go on where a full sync of the last 24 hours was stopped')
    .option('--delete-missing', 'suppress and delete people whose row is gone, after asking')
    .option('--dry-run', 'send nothing; show which users differ from Customer.io, and how')
    .option('--show <number>', 'with --dry-run: show at most this many users', positiveInteger, 20)
    .option('--rate <number>', 'at most this many messages per second', positiveNumber)
    .option('--page-size <number>', 'users to read and send at a time', positiveInteger, 500)
    .option('--migrate', 'bring the tables that record what was sent (schema customerio) to the present version')
    .addHelpText(
      'after',
      `
The database is taken from DATABASE_URL or the PG* variables. The users table is only read, never written.
If the command is killed, run it again: it skips what was sent and recorded, and leaves nothing out. With --full it starts
again from the beginning, unless --resume is given.
People who were sent and whose row is gone are counted. Nothing else happens to them without --delete-missing.

Examples:
  cio-gcp sync --mapping users.yaml --migrate --local
  cio-gcp sync --mapping users.yaml --dry-run --env prod
  cio-gcp sync --mapping users.yaml --full --rate 500 --env prod
  cio-gcp sync --mapping users.yaml --full --resume --env prod
  cio-gcp sync --mapping users.yaml --delete-missing --env prod`,
    )
    .action((options: SyncOptions, command: Command) =>
      run(command, async (context) => {
        const { sync } = await import('../sync/sync.ts')
        await sync(context, options)
      }),
    )
}
