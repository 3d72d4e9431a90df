import { Command } from 'commander'
import type { Run } from '../context.ts'
import { notEmpty } from '../options.ts'
import type { PauseOptions } from '../pause/pause.ts'

const LANE = ['--lane <lane>', 'only this lane, urgent or bulk; all lanes by default'] as const

export function pauseCommand(run: Run): Command {
  return new Command('pause')
    .description('Stop the delivery of a subscription. Messages wait, and no attempt is spent.')
    .argument('<subscription>', 'such as track, which stands for all of its lanes, or track-bulk')
    .option(...LANE)
    .requiredOption('--why <text>', 'for whoever finds it paused, in at most 400 bytes', notEmpty)
    .option('--dry-run', 'say what would be paused, and change nothing')
    .addHelpText(
      'after',
      `
Messages wait until \`cio-gcp resume\`, from any machine. A message that has waited for longer than the retention of its
subscription (7 days) is lost: alerts tell after one day, and page after five. terraform apply stops while something is paused.
What is being delivered at that moment ends as usual.

Examples:
  cio-gcp pause transactional --why 'wrong prices in the receipt' --env prod
  cio-gcp pause track --lane bulk --why 'the import holds up others' --env prod`,
    )
    .action((subscription: string, options: PauseOptions, command: Command) =>
      run(command, async (context) => {
        const { pause } = await import('../pause/pause.ts')
        await pause(context, subscription, options)
      }),
    )
}

export function resumeCommand(run: Run): Command {
  return new Command('resume')
    .description('Deliver again what `cio-gcp pause` has stopped.')
    .argument('<subscription>', 'such as track, which stands for all of its lanes, or track-bulk')
    .option(...LANE)
    .option('--dry-run', 'say what would be resumed, and change nothing')
    .addHelpText(
      'after',
      `
What waits is delivered in the order in which it would have been, within the rate of the function. If something of these
lanes was cancelled within the last minute, it waits first until every function knows: Ctrl-C then resumes nothing.

Examples:
  cio-gcp resume transactional --env prod
  cio-gcp resume track --lane bulk --dry-run --env prod`,
    )
    .action((subscription: string, options: Omit<PauseOptions, 'why'>, command: Command) =>
      run(command, async (context) => {
        const { resume } = await import('../pause/pause.ts')
        await resume(context, subscription, options)
      }),
    )
}

export function statusCommand(run: Run): Command {
  return new Command('status')
    .description('Show what waits, how fast it is delivered, and what is paused by whom and why.')
    .argument('[subscription]', 'such as track, which stands for all of its lanes; all by default')
    .addHelpText(
      'after',
      `
In a deployment the numbers are those of Cloud Monitoring: the averages of ten minutes, and a few minutes old. On the local
stack it looks twice within a second.

Examples:
  cio-gcp status --local
  cio-gcp status transactional --env prod`,
    )
    .action((subscription: string | undefined, _options: object, command: Command) =>
      run(command, async (context) => {
        const { status } = await import('../pause/status.ts')
        await status(context, subscription)
      }),
    )
}
