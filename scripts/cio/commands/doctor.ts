import { Command } from 'commander'
import type { Run } from '../context.ts'
import type { DoctorOptions } from '../doctor/doctor.ts'
import { positiveNumber } from '../options.ts'

export function doctorCommand(run: Run): Command {
  return new Command('doctor')
    .description('Check a deployment or the local stack from end to end, and print what to fix.')
    .option(
      '--webhook-url <url>',
      'address of the webhook function, from `terraform output webhook_url`; not needed with --local',
    )
    .option('--no-synthetic', 'do not send a test event')
    .option('--wait <seconds>', 'how long the test event may take to arrive', positiveNumber, 60)
    .addHelpText(
      'after',
      `
Checks topics, subscriptions, permissions, secrets, region, tables, send ledger, the reporting webhook at Customer.io and
dead letters. Then sends one signed test event (object_type cio_test) and waits until it is in BigQuery.

Examples:
  cio-gcp doctor --local
  cio-gcp doctor --env prod --webhook-url https://webhook-abc123.a.run.app`,
    )
    .action((options: DoctorOptions, command: Command) =>
      run(command, async (context) => {
        const { doctor } = await import('../doctor/doctor.ts')
        await doctor(context, options)
      }),
    )
}
