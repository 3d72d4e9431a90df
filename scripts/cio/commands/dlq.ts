import { Command } from 'commander'
import type { Filter } from '../dead-letters/filter.ts'
import { age, collect, positiveInteger, positiveNumber } from '../options.ts'
import type { Run } from '../program.ts'

type FilterOptions = Filter & { readonly limit?: number }

interface ReplayFlags extends FilterOptions {
  readonly dryRun?: boolean
  readonly edit?: boolean
  readonly acceptDuplicates?: boolean
  readonly force?: boolean
  readonly maxReplays: number
  readonly rate: number
}

interface PurgeFlags extends FilterOptions {
  readonly all?: boolean
  readonly dryRun?: boolean
}

interface SettleFlags extends FilterOptions {
  readonly sent?: boolean
  readonly resend?: boolean
}

const SOURCES = 'subscription that gave them up: identify, track, transactional, warehouse; all by default'

function withFilters(command: Command): Command {
  return command
    .option('--id <id>', 'this one; may be given several times', collect)
    .option('--reason <reason>', 'given up for this reason; may be given several times', collect)
    .option('--older-than <age>', 'published longer ago than this: 90s, 15m, 2h, 3d', age)
    .option('--younger-than <age>', 'published less long ago than this', age)
    .option('--person <id|e-mail>', 'about this person')
    .option('--attribute <name=value>', 'with this attribute; may be given several times', collect)
}

function filterOf({ id, reason, olderThan, youngerThan, person, attribute }: FilterOptions): Filter {
  const given = { id, reason, olderThan, youngerThan, person, attribute }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

export function dlqCommand(run: Run): Command {
  const dlq = new Command('dlq').description('Dead letters: look at them, replay, settle or throw them away.')

  dlq.addCommand(
    withFilters(new Command('list').description('List dead letters, oldest first.').argument('[sources...]', SOURCES))
      .option('--limit <number>', 'show at most so many', positiveInteger, 50)
      .addHelpText(
        'after',
        `
Pub/Sub cannot show a message without taking it: while this runs, nobody else gets them; afterwards they are back.

Examples:
  cio dlq list --local
  cio dlq list transactional --reason uncertain --older-than 2h --local
  cio dlq list --person ada@example.com --json --local`,
      )
      .action((names: string[], options: FilterOptions, command: Command) =>
        run(command, async (context) => {
          const { list } = await import('../dead-letters/show.ts')
          await list(context, names, filterOf(options), options.limit ?? 50)
        }),
      ),
  )

  dlq.addCommand(
    new Command('show')
      .description('Show dead letters whole, with attributes and message. Personal data.')
      .argument('<ids...>', 'ids as `dlq list` shows them')
      .addHelpText('after', '\nExample:\n  cio dlq show 1763740000000001 --local')
      .action((ids: string[], _options: object, command: Command) =>
        run(command, async (context) => {
          const { show } = await import('../dead-letters/show.ts')
          await show(context, ids)
        }),
      ),
  )

  dlq.addCommand(
    withFilters(
      new Command('stats').description('Count dead letters by source and reason.').argument('[sources...]', SOURCES),
    )
      .addHelpText('after', '\nExample:\n  cio dlq stats --local')
      .action((names: string[], options: FilterOptions, command: Command) =>
        run(command, async (context) => {
          const { stats } = await import('../dead-letters/show.ts')
          await stats(context, names, filterOf(options))
        }),
      ),
  )

  dlq.addCommand(
    withFilters(new Command('replay').description('Publish dead letters again.').argument('[sources...]', SOURCES))
      .option('--dry-run', 'show what would be replayed, and what is against it')
      .option(
        '--edit',
        'change each message in your editor ($VISUAL, $EDITOR) first; its key stays unless you change it',
      )
      .option('--limit <number>', 'replay at most so many of each source', positiveInteger)
      .option('--rate <number>', 'at most so many messages a second', positiveNumber, 100)
      .option('--max-replays <number>', 'leave alone what came back so often', positiveInteger, 3)
      .option('--force', 'also delete, suppress, unsuppress and merge')
      .option('--accept-duplicates', 'also transactional messages that may have been sent and cannot be recognized')
      .addHelpText(
        'after',
        `
A message keeps its key, so that one that did go through is not sent or counted twice. It leaves the dead letters only
after Pub/Sub has accepted its replay. Killed at any point, the same command takes up where it stopped.
A replay of warehouse messages goes to everybody who subscribes to webhook-events; they know it by its event_id.

Examples:
  cio dlq replay --dry-run --local
  cio dlq replay identify track --reason exhausted --rate 200 --local
  cio dlq replay --id 1763740000000001 --edit --local`,
      )
      .action((names: string[], options: ReplayFlags, command: Command) =>
        run(command, async (context) => {
          const { replay } = await import('../dead-letters/replay.ts')
          await replay(context, names, filterOf(options), {
            dryRun: options.dryRun ?? false,
            edit: options.edit ?? false,
            acceptDuplicates: options.acceptDuplicates ?? false,
            force: options.force ?? false,
            maxReplays: options.maxReplays,
            rate: options.rate,
            limit: options.limit ?? Number.POSITIVE_INFINITY,
          })
        }),
      ),
  )

  dlq.addCommand(
    withFilters(
      new Command('settle')
        .description('Decide sends of which nobody knows whether they happened: sent, or send again.')
        .option('--sent', 'they were sent: nothing more is to happen')
        .option('--resend', 'they were not sent: send them now'),
    )
      .addHelpText(
        'after',
        `
Without --sent or --resend each one is shown with what the ledger and Customer.io know of it, and on a terminal you are
asked. With one of them, all that match are settled so.

Examples:
  cio dlq settle --local
  cio dlq settle --id 1763740000000001 --sent --local
  cio dlq settle --older-than 1h --resend --yes --local`,
      )
      .action((options: SettleFlags, command: Command) =>
        run(command, async (context) => {
          const { settle } = await import('../dead-letters/settle.ts')
          await settle(context, filterOf(options), { sent: options.sent ?? false, resend: options.resend ?? false })
        }),
      ),
  )

  dlq.addCommand(
    withFilters(new Command('purge').description('Throw dead letters away.').argument('[sources...]', SOURCES))
      .option('--all', 'all of them, when no filter is given')
      .option('--dry-run', 'count only')
      .addHelpText(
        'after',
        '\nExamples:\n  cio dlq purge track --older-than 14d --dry-run --local\n  cio dlq purge identify --reason contract --yes --local',
      )
      .action((names: string[], options: PurgeFlags, command: Command) =>
        run(command, async (context) => {
          const { purge } = await import('../dead-letters/purge.ts')
          await purge(context, names, filterOf(options), options)
        }),
      ),
  )
  return dlq
}
