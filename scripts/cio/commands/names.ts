import { Command } from 'commander'
import type { Run } from '../context.ts'

export function namesCommand(run: Run): Command {
  return new Command('names')
    .description('Fetch the names of campaigns, newsletters, transactional messages and topics for the views.')
    .addHelpText(
      'after',
      `
Webhooks tell most of these by id only. The names go into the table \`names\`, and the views show them. Nothing changes
at Customer.io. It asks at the command line's share of the account's rate, and names that were fetched within 20 hours are not
fetched again: if it is stopped, run it again and it resumes.

Examples:
  cio-gcp names --local
  cio-gcp names --env prod`,
    )
    .action((_options: object, command: Command) =>
      run(command, async (context) => {
        const { fetchNames } = await import('../names/names.ts')
        await fetchNames(context)
      }),
    )
}
