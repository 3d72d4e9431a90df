import { Command } from 'commander'
import type { Run } from '../context.ts'
import type { AccessOptions } from '../person/access.ts'

export function accessCommand(run: Run): Command {
  return new Command('access')
    .description(
      'Print everything stored about one person as JSON: Customer.io, warehouse, send ledger and dead letters.',
    )
    .option('--id <id>', 'the id that your application uses for them')
    .option('--email <address>', 'their e-mail address')
    .option('--phone <number>', 'their phone number, with its country code')
    .option('-o, --out <file>', 'write to a new file that only you can read, and print a summary')
    .addHelpText('after', '\nExample:\n  cio-gcp access --id ada --out ada.json --local')
    .action((options: AccessOptions, command: Command) =>
      run(command, async (context) => {
        const { access } = await import('../person/access.ts')
        await access(context, options)
      }),
    )
}
