import { Command } from 'commander'
import type { Run } from '../context.ts'
import { positiveNumber } from '../options.ts'
import type { ProbeOptions } from '../probe/probe.ts'

export function probeCommand(run: Run): Command {
  return new Command('probe')
    .description('Start a round of the probe, and show which links to Customer.io and back are intact.')
    .option('--wait <seconds>', "how long the round's result may take to be in the log", positiveNumber, 180)
    .addHelpText(
      'after',
      `
The function probe changes its synthetic person at Customer.io, adds one row to webhook_events, and sends nothing to anybody.
It runs also where no schedule starts it. The exit code is 1 if a link is broken.

Examples:
  cio-gcp probe --local
  cio-gcp probe --env prod`,
    )
    .action((options: ProbeOptions, command: Command) =>
      run(command, async (context) => {
        const { probe } = await import('../probe/probe.ts')
        await probe(context, options)
      }),
    )
}
