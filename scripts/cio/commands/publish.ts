import { Command } from 'commander'
import { positiveNumber } from '../options.ts'
import type { Run } from '../program.ts'
import type { PublishOptions } from '../publish/publish.ts'

export function publishCommand(run: Run): Command {
  return new Command('publish')
    .description('Publish messages to a topic, checked against its contract first.')
    .argument('<topic>', 'identify, track or transactional')
    .argument('[message]', 'the message as JSON; - reads standard input')
    .option('-f, --file <path>', 'a file with one message, or with one message a line')
    .option(
      '--key <key>',
      'idempotency key: the same key never happens twice. Of a file, or of several messages: key:<line>',
    )
    .option('--rate <number>', 'at most so many messages a second', positiveNumber)
    .option('--dry-run', 'check only')
    .addHelpText(
      'after',
      `
Every message is checked before the first one is published. With --key a file can be published again after a failure:
what went through the first time does not happen twice.

Examples:
  cio publish identify '{"identifiers":{"id":"ada"},"attributes":{"plan":"pro"}}' --local
  cio publish track --file events.ndjson --key import-7 --rate 200 --local
  echo '{"channel":"email","transactional_message_id":"receipt","identifiers":{"id":"ada"},"to":"ada@example.com"}' \\
    | cio publish transactional - --key receipt-42 --local`,
    )
    .action((topic: string, message: string | undefined, options: PublishOptions, command: Command) =>
      run(command, async (context) => {
        const { publish } = await import('../publish/publish.ts')
        await publish(context, topic, message, options)
      }),
    )
}
