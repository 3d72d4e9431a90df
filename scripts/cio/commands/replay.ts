import { Command } from 'commander'
import type { Run } from '../context.ts'
import { collect, collectOneOf, moment, positiveNumber } from '../options.ts'
import { BY_NAME } from '../replay/kinds.ts'

interface Flags {
  readonly from: number
  readonly to?: number
  readonly where?: readonly string[]
  readonly map?: string
  readonly also?: readonly string[]
  readonly asNew?: boolean
  readonly create?: boolean
  readonly dryRun?: boolean
  readonly rate: number
}

export function replayCommand(run: Run): Command {
  return new Command('replay')
    .description('Publish again what a topic keeps of a time, in the bulk lane.')
    .argument('<topic>', 'identify, track or transactional')
    .requiredOption('--from <time>', 'published at this time or later: 2026-11-20T08:00:00Z', moment)
    .option('--to <time>', 'published before this time; until now by default', moment)
    .option(
      '--where <condition>',
      'person=id:u1, event=…, action=…, channel=…, template=…, lane=urgent|bulk, attribute.<name>=…; repeatable, all must hold',
      collect,
    )
    .option('--map <file>', 'publish what the default export of this module makes of each message, where it differs')
    .option('--as-new', 'with --map: send changed transactional messages again, to the same people')
    .option('--also <kind>', `replay also these, repeatable: ${BY_NAME.join(', ')}`, collectOneOf(BY_NAME))
    .option('--create', 'create people whom Customer.io does not know, also who is deleted while the replay waits')
    .option('--dry-run', 'read and count everything, and publish nothing')
    .option('--rate <number>', 'at most this many messages per second', positiveNumber, 100)
    .addHelpText(
      'after',
      `
Reads the topic through a temporary subscription, which it removes. Keys, ids and times stay, so what was delivered is
recognised: sends by the ledger, people by the time of their update, events by their id as long as Customer.io remembers it.
Updates of people only update (\`_update\`): a replay brings back nobody who was deleted, unless you say --create.
What has expired by its attribute \`expires_at\` is left out and counted.
If the command is killed, run the same command again: it resumes.

With --map only messages that the module changes are published, under a key derived from the old one and the new content: a
second run repeats nothing. A person's update holds only the attributes that differ, at the present time: it overwrites newer
values of these attributes. Wrong events stay at Customer.io.

Examples:
  cio-gcp replay track --from 2026-11-20T08:00:00Z --to 2026-11-23T12:00:00Z --where event=order_completed --dry-run --local
  cio-gcp replay identify --from 2026-11-20T08:00:00Z --map fix.ts --dry-run --local`,
    )
    .action((topic: string, flags: Flags, command: Command) =>
      run(command, async (context) => {
        const { replayTopic } = await import('../replay/replay.ts')
        await replayTopic(context, topic, {
          fromMs: flags.from,
          toMs: flags.to,
          where: flags.where ?? [],
          map: flags.map,
          also: flags.also ?? [],
          asNew: flags.asNew ?? false,
          create: flags.create ?? false,
          dryRun: flags.dryRun ?? false,
          rate: flags.rate,
        })
      }),
    )
}
