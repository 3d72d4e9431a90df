import { Command } from 'commander'
import type { EraseOptions } from '../person/erase.ts'
import type { Run } from '../program.ts'

export function eraseCommand(run: Run): Command {
  return new Command('erase')
    .description('Remove one person from Customer.io, the warehouse, the send ledger and the dead letters.')
    .option('--id <id>', 'the id that your application gave them')
    .option('--email <address>', 'their e-mail address')
    .option('--resume', 'second pass over everybody of whom something was left')
    .addHelpText(
      'after',
      `
At Customer.io the id and the e-mail address are suppressed and then the person is deleted: so that a message that is
still on its way cannot create them again. It holds until somebody unsuppresses them.
BigQuery cannot delete rows that are still in its streaming buffer, for up to 90 minutes: run it with --resume then. What
is left to do is remembered by hashes in a journal on this machine.
Customer.io repeats a webhook for up to seven days: one that was on its way brings a row back, so run it once more then.
Your users table is yours: UserMessagingRepository.onUserDeleted clears what is kept beside it.

Examples:
  cio erase --id ada --email ada@example.com --local
  cio erase --resume --env prod`,
    )
    .action((options: EraseOptions, command: Command) =>
      run(command, async (context) => {
        const { erase } = await import('../person/erase.ts')
        await erase(context, options)
      }),
    )
}
