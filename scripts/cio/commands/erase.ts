import { Command } from 'commander'
import type { Run } from '../context.ts'
import type { EraseOptions } from '../person/erase.ts'

export function eraseCommand(run: Run): Command {
  return new Command('erase')
    .description('Erase one person from Customer.io, warehouse, send ledger and dead letters. Cannot be undone.')
    .option('--id <id>', 'the id that your application uses for them')
    .option('--email <address>', 'their e-mail address')
    .option('--phone <number>', 'their phone number, with its country code')
    .option('--dry-run', 'show what would be erased, and change nothing')
    .option('--unknown', 'suppress the id and the address at Customer.io even if nobody is found by them')
    .option('--resume', 'finish earlier erasures that left something behind')
    .option('--also <id...>', 'also delete these dead letters or quarantined rows, after you have looked at them')
    .option('--keep <id...>', 'leave these where they are, after you have looked at them')
    .addHelpText(
      'after',
      `
First the id and the e-mail address are suppressed at Customer.io, then the person is deleted. The suppression prevents
messages that are still under way from creating the person again. It lasts until somebody lifts it.
Ids and addresses are compared as Customer.io does: ids exactly, addresses by mailbox. A message that also belongs to others
(a broadcast, a copy, a relationship), or that breaks the contract, is not deleted but listed. Look at it, then run
\`erase --resume\` with --also or --keep.
BigQuery cannot delete rows within 30 minutes of their arrival (in rare cases 90). If rows are left, the exit code is
1: run \`erase --resume\` later. A journal on this machine remembers what is left, as hashes.
Customer.io retries webhooks for up to seven days, and a late one can bring a row back: erase the person again after that.
BigQuery keeps what is deleted for 2 days of time travel, and for 7 more of fail-safe that only Google can read.
Your users table is not touched. UserMessagingRepository.onUserDeleted clears what the pipeline keeps beside it.

Examples:
  cio-gcp erase --id ada --email ada@example.com --local
  cio-gcp erase --resume --env prod`,
    )
    .action((options: EraseOptions, command: Command) =>
      run(command, async (context) => {
        const { erase } = await import('../person/erase.ts')
        await erase(context, options)
      }),
    )
}
