import { Command } from 'commander'
import type { CancelOptions } from '../cancel/cancel.ts'
import type { Run } from '../context.ts'
import { collect, notEmpty } from '../options.ts'

export function cancelCommand(run: Run): Command {
  const command = new Command('cancel')
    .description('End what is queued and matches, before it is sent.')
    .requiredOption(
      '--where <condition>',
      'topic=…, lane=urgent|bulk, template=…, event=… or person=id:…; repeatable, all must hold',
      collect,
    )
    .requiredOption('--why <text>', 'for whoever finds it, in at most 400 bytes', notEmpty)
    .option('--dry-run', 'say what would be cancelled and how much waits there, and change nothing')
    .addHelpText(
      'after',
      `
Cancels what was published before now: later messages are sent. It takes effect within a minute, in every instance, without
a deployment, and ends by itself when nothing of that time can be queued any more (7 days). What matches is dead-lettered with
the reason \`cancelled\`. What Customer.io has received already cannot be taken back: \`trace\` and \`dlq stats\` say which is which.

Examples:
  cio-gcp cancel --where template=3 --where lane=bulk --why 'wrong prices' --dry-run --env prod
  cio-gcp cancel --where topic=track --where event=sale --why 'sent twice' --env prod
  cio-gcp cancel --where person=id:u1 --why 'asked us to stop' --env prod`,
    )
    .action((options: CancelOptions, self: Command) =>
      run(self, async (context) => {
        const { cancel } = await import('../cancel/cancel.ts')
        await cancel(context, options)
      }),
    )
  return command
}

export function cancellationsCommand(run: Run): Command {
  const command = new Command('cancellations').description(
    'What `cio-gcp cancel` has cancelled: show it, or take it back.',
  )
  command
    .command('list')
    .description('Show what is cancelled, by whom and why, and when it ends.')
    .addHelpText('after', '\nExamples:\n  cio-gcp cancellations list --env prod')
    .action((_options: object, self: Command) =>
      run(self, async (context) => {
        const { listCancellations } = await import('../cancel/cancel.ts')
        await listCancellations(context)
      }),
    )
  command
    .command('lift')
    .description('Take a cancellation back. What it has ended stays among the dead letters.')
    .argument('<id>', 'from `cio-gcp cancellations list`')
    .option('--dry-run', 'say what would be lifted, and change nothing')
    .addHelpText('after', '\nExamples:\n  cio-gcp cancellations lift c-20261126093000500 --env prod')
    .action((id: string, { dryRun }: { dryRun?: boolean }, self: Command) =>
      run(self, async (context) => {
        const { liftCancellation } = await import('../cancel/cancel.ts')
        await liftCancellation(context, id, dryRun ?? false)
      }),
    )
  return command
}
