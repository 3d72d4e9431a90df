import { Command } from 'commander'
import { readTopology } from '../../topology/topology.ts'
import type { Run } from '../context.ts'
import { REASONS } from '../dead-letters/dead-letter.ts'
import type { Filter } from '../dead-letters/filter.ts'
import { sourcesOf } from '../dead-letters/source.ts'
import { usageError } from '../errors.ts'
import { age, collect, collectAttribute, collectOneOf, notEmpty, positiveInteger, positiveNumber } from '../options.ts'

type FilterOptions = Filter & { readonly limit?: number }

interface ReplayFlags extends FilterOptions {
  readonly dryRun?: boolean
  readonly edit?: boolean
  readonly acceptDuplicates?: boolean
  readonly force?: boolean
  readonly release?: boolean
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

/** The names are read only when help is asked for. */
function withSources(command: Command): Command {
  const names = () => sourcesOf(readTopology()).map(({ name }) => name)
  return command
    .argument('[sources...]', 'subscriptions whose dead letters are meant; all by default')
    .addHelpText('after', () => `\nSources: ${names().join(', ')}`)
}

function withFilters(command: Command): Command {
  return command
    .option('--id <id>', 'only this dead letter; repeatable', collect)
    .option(
      '--reason <reason>',
      `only those with this reason, repeatable: ${REASONS.join(', ')}`,
      collectOneOf(REASONS),
    )
    .option('--older-than <age>', 'only those published longer ago than this: 90s, 15m, 2h, 3d', age)
    .option('--younger-than <age>', 'only those published more recently than this', age)
    .option('--person <id|e-mail>', 'only those about this person, or sent to them alone', notEmpty)
    .option('--attribute <name=value>', 'only those with this attribute; repeatable', collectAttribute)
}

function filterOf({ id, reason, olderThan, youngerThan, person, attribute }: FilterOptions): Filter {
  const given = { id, reason, olderThan, youngerThan, person, attribute }
  const filter: Filter = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  if (olderThan !== undefined && youngerThan !== undefined && olderThan > youngerThan) {
    throw usageError('--older-than and --younger-than leave no time between them')
  }
  return filter
}

export function dlqCommand(run: Run): Command {
  const dlq = new Command('dlq').description('List, show, replay, settle or purge dead letters.')

  dlq.addCommand(
    withFilters(withSources(new Command('list').description('List dead letters, oldest first.')))
      .option('--limit <number>', 'show at most this many', positiveInteger, 50)
      .addHelpText(
        'after',
        `
Pub/Sub has no read-only view of a subscription. This command pulls the messages and returns them when it ends;
until then nobody else receives them.

Examples:
  cio-gcp dlq list --local
  cio-gcp dlq list transactional --reason uncertain --older-than 2h --local
  cio-gcp dlq list --person ada@example.com --json --local

With --person it also shows messages that name the person among others, and messages that keep no contract and may be
about them. Of the other commands only \`dlq stats\` counts these.`,
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
      .description('Show whole dead letters: attributes and message. Prints personal data.')
      .argument('<ids...>', 'ids as `dlq list` shows them')
      .addHelpText('after', '\nExample:\n  cio-gcp dlq show 1763740000000001 --local')
      .action((ids: string[], _options: object, command: Command) =>
        run(command, async (context) => {
          const { show } = await import('../dead-letters/show.ts')
          await show(context, ids)
        }),
      ),
  )

  dlq.addCommand(
    withFilters(withSources(new Command('stats').description('Count dead letters by source and reason.')))
      .addHelpText('after', '\nExample:\n  cio-gcp dlq stats --local')
      .action((names: string[], options: FilterOptions, command: Command) =>
        run(command, async (context) => {
          const { stats } = await import('../dead-letters/show.ts')
          await stats(context, names, filterOf(options))
        }),
      ),
  )

  dlq.addCommand(
    withFilters(withSources(new Command('replay').description('Publish dead letters again.')))
      .option('--dry-run', 'list what would be replayed and what would be skipped, and why')
      .option('--edit', 'edit each message first in $VISUAL or $EDITOR; its key stays unless you change it')
      .option('--limit <number>', 'replay at most this many per source', positiveInteger)
      .option('--rate <number>', 'at most this many messages per second', positiveNumber, 100)
      .option('--max-replays <number>', 'skip messages that were replayed this many times already', positiveInteger, 3)
      .option('--force', 'also replay delete, suppress, unsuppress and merge, and unchanged what breaks the contract')
      .option('--release', 'send what was expired, cancelled or guarded all the same, past the check that stopped it')
      .option(
        '--accept-duplicates',
        'also replay transactional messages that have no key and may have been sent: they may be sent twice',
      )
      .addHelpText(
        'after',
        `
A replayed message keeps its key: if it went through the first time, it is not sent or counted again. A dead letter is
removed only after Pub/Sub has accepted its replay. If the command is killed, run it again: it resumes.
Dead letters with the reason contract or not_json are left alone without --edit or --force: they would come back.
Replays of warehouse messages reach every subscriber of webhook-events; the event_id identifies the repeats.

Examples:
  cio-gcp dlq replay --dry-run --local
  cio-gcp dlq replay identify track --reason exhausted --rate 200 --local
  cio-gcp dlq replay transactional --reason guarded --release --dry-run --local
  cio-gcp dlq replay --id 1763740000000001 --edit --local`,
      )
      .action((names: string[], options: ReplayFlags, command: Command) =>
        run(command, async (context) => {
          const { replay } = await import('../dead-letters/replay.ts')
          await replay(context, names, filterOf(options), {
            dryRun: options.dryRun ?? false,
            edit: options.edit ?? false,
            acceptDuplicates: options.acceptDuplicates ?? false,
            force: options.force ?? false,
            release: options.release ?? false,
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
        .description('Decide about uncertain sends: mark each as sent, or send it again.')
        .option('--sent', 'mark them as sent: nothing more happens')
        .option('--resend', 'send them now: whoever already got the message gets it twice'),
    )
      .addHelpText(
        'after',
        `
Shows what the ledger and Customer.io know about each send that may have happened, what was compared, and asks you about it
when run in a terminal. That includes sends that ran out of attempts while their ledger record was open.
With --sent or --resend, every match is settled that way after one confirmation.

Examples:
  cio-gcp dlq settle --local
  cio-gcp dlq settle --id 1763740000000001 --sent --local
  cio-gcp dlq settle --older-than 1h --resend --yes --local`,
      )
      .action((options: SettleFlags, command: Command) =>
        run(command, async (context) => {
          const { settle } = await import('../dead-letters/settle.ts')
          await settle(context, filterOf(options), { sent: options.sent ?? false, resend: options.resend ?? false })
        }),
      ),
  )

  dlq.addCommand(
    withFilters(withSources(new Command('purge').description('Delete dead letters for good.')))
      .option('--all', 'required to delete all of them when no filter is given')
      .option('--dry-run', 'only count them')
      .addHelpText(
        'after',
        '\nExamples:\n  cio-gcp dlq purge track --older-than 14d --dry-run --local\n  cio-gcp dlq purge identify --reason contract --yes --local',
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
