import { Command, Option } from 'commander'
import type { Run } from '../context.ts'
import { age, positiveNumber } from '../options.ts'
import type { PublishOptions } from '../publish/publish.ts'

export function publishCommand(run: Run): Command {
  return new Command('publish')
    .description('Check messages against the contract of a topic, then publish them.')
    .argument('<topic>', 'identify, track or transactional')
    .argument('[message]', 'the message as JSON; - reads standard input')
    .option('-f, --file <path>', 'a file with one message, or one message per line')
    .option('--key <key>', 'idempotency key: a key takes effect once. Several messages get the keys <key>:<line>')
    .addOption(
      new Option(
        '--lane <lane>',
        'bulk: they hold up no urgent message, and have no order with one; bulk with --file, urgent without',
      ).choices(['bulk', 'urgent']),
    )
    .option('--update-only', 'update people who exist at Customer.io, and create nobody (`_update`)')
    .option('--create', 'in the bulk lane: create people whom Customer.io does not know, also who is deleted meanwhile')
    .option('--valid-for <age>', 'what waits for longer, such as 2h, is not sent: it ends as `expired`', age)
    .option('--rate <number>', 'at most this many messages per second', positiveNumber)
    .option('--dry-run', 'only check them')
    .addHelpText(
      'after',
      `
All messages are checked before the first one is published. Broadcasts, suppress, unsuppress, delete and merge are asked about.
With --key you can publish a file again after a failure:
what went through the first time does not take effect twice.
Updates of people in the bulk lane need --update-only or --create: one that may create a person brings back who is deleted
while it waits.

Examples:
  cio-gcp publish identify '{"identifiers":{"id":"ada"},"attributes":{"plan":"pro"}}' --local
  cio-gcp publish track --file events.ndjson --key import-7 --rate 200 --local
  echo '{"channel":"email","transactional_message_id":3,"identifiers":{"id":"ada"},"to":"ada@example.com"}' \\
    | cio-gcp publish transactional - --key receipt-42 --local`,
    )
    .action((topic: string, message: string | undefined, options: PublishOptions, command: Command) =>
      run(command, async (context) => {
        const { publish } = await import('../publish/publish.ts')
        await publish(context, topic, message, options)
      }),
    )
}
