import { Command } from 'commander'
import type { Run } from '../context.ts'
import { age, collect, collectOneOf, positiveInteger } from '../options.ts'
import { QUARANTINE_REASONS, type QuarantineFilter } from '../quarantine/rows.ts'

interface ListFlags extends QuarantineFilter {
  readonly limit: number
}

interface ReplayFlags extends QuarantineFilter {
  readonly dryRun?: boolean
}

function withFilters(command: Command): Command {
  return command
    .option(
      '--reason <reason>',
      `only these, repeatable: ${QUARANTINE_REASONS.join(', ')}`,
      collectOneOf(QUARANTINE_REASONS),
    )
    .option('--younger-than <age>', 'only those received more recently than this: 90s, 15m, 2h, 3d', age)
}

export function quarantineCommand(run: Run): Command {
  const quarantine = new Command('quarantine').description(
    'List, show or replay webhooks that could not be understood.',
  )

  quarantine.addCommand(
    withFilters(
      new Command('list').description('List webhooks in the quarantine, newest first, without their content.'),
    )
      .option('--limit <number>', 'show at most this many', positiveInteger, 50)
      .addHelpText('after', '\nExample:\n  cio-gcp quarantine list --reason preferences_not_understood --local')
      .action(({ limit, ...filter }: ListFlags, command: Command) =>
        run(command, async (context) => {
          const { list } = await import('../quarantine/quarantine.ts')
          await list(context, filter, limit)
        }),
      ),
  )

  quarantine.addCommand(
    new Command('show')
      .description('Show whole webhooks of the quarantine. Prints personal data.')
      .argument('<ids...>', 'ids as `quarantine list` shows them')
      .addHelpText('after', '\nExample:\n  cio-gcp quarantine show 1763740000000001 --local')
      .action((ids: string[], _options: object, command: Command) =>
        run(command, async (context) => {
          const { show } = await import('../quarantine/quarantine.ts')
          await show(context, ids)
        }),
      ),
  )

  quarantine.addCommand(
    withFilters(new Command('replay').description('Publish again to webhook-events what this release understands.'))
      .option('--id <id>', 'only this webhook; repeatable', collect)
      .option('--dry-run', 'publish nothing; show what would be')
      .addHelpText(
        'after',
        `
Every subscriber of webhook-events receives these events, perhaps for the second time, under their own event ids. A webhook
that is still not understood stays in the quarantine and is listed. The others leave it, once BigQuery lets their row go.

Examples:
  cio-gcp quarantine replay --dry-run --local
  cio-gcp quarantine replay --reason no_event_id --younger-than 3d --local`,
      )
      .action(({ dryRun = false, ...filter }: ReplayFlags, command: Command) =>
        run(command, async (context) => {
          const { replay } = await import('../quarantine/replay.ts')
          await replay(context, filter, dryRun)
        }),
      ),
  )
  return quarantine
}
