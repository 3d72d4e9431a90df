import { Command } from 'commander'
import type { Run } from '../context.ts'

export function preflightCommand(run: Run): Command {
  return new Command('preflight')
    .description('Before terraform apply: read in the project what would stop it, and print what to do.')
    .addHelpText(
      'after',
      `
Reads with your own Google credentials, and changes nothing: project, billing, budget, services, your permissions,
organisation policies, the webhook's way in, Firestore's location, quotas, Terraform's state, and names that exist already.
"?" marks what you may not read, with why it matters. It does not change the exit code.

Example:
  cio-gcp preflight --env dev`,
    )
    .action((_options: object, command: Command) =>
      run(command, async (context) => {
        const { preflight } = await import('../preflight/preflight.ts')
        await preflight(context)
      }),
    )
}
