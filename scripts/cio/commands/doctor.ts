import { Command } from 'commander'
import type { DoctorOptions } from '../doctor/doctor.ts'
import { positiveNumber } from '../options.ts'
import type { Run } from '../program.ts'

export function doctorCommand(run: Run): Command {
  return new Command('doctor')
    .description('Check a deployment or the local stack from end to end, and say what to fix.')
    .option(
      '--webhook-url <url>',
      'address of the webhook function: `terraform output webhook_url`; known with --local',
    )
    .option('--no-synthetic', 'do not send a test event through to BigQuery')
    .option('--wait <seconds>', 'how long the test event may take', positiveNumber, 60)
    .addHelpText(
      'after',
      `
Looks at topics and subscriptions, permissions, secrets and region, tables, send ledger, the reporting webhook at
Customer.io, dead letters, and sends one signed test event (object_type cio_test) all the way to BigQuery.

Examples:
  cio doctor --local
  cio doctor --env prod --webhook-url https://webhook-abc123.a.run.app`,
    )
    .action((options: DoctorOptions, command: Command) =>
      run(command, async (context) => {
        const { doctor } = await import('../doctor/doctor.ts')
        await doctor(context, options)
      }),
    )
}
