import { Command } from 'commander'
import type { Run } from '../context.ts'
import type { MessagesOptions } from '../messages/messages.ts'
import { age, positiveInteger } from '../options.ts'

const DAY_MS = 86_400_000

export function messagesCommand(run: Run): Command {
  return new Command('messages')
    .description('List messages as the record has them, the newest first.')
    .argument('[filter...]', 'as on the page: topic:track outcome:refused name:receipt -reason:contract attempts:>1')
    .option('--since <age>', 'look this far back: 90s, 15m, 2h, 3d', age, DAY_MS)
    .option('--limit <number>', 'show at most this many', positiveInteger, 50)
    .addHelpText(
      'after',
      `
Fields are topic, outcome, name, reason, id and attempts. Words of one field are alternatives, everything else must hold
together, and - before a word means not: a filter that begins with it comes after --. The record has no lane and no person: for
a person use \`trace\`. For a deployment it says beforehand how much of BigQuery it will read.

Examples:
  cio-gcp messages outcome:refused outcome:exhausted --since 2h --local
  cio-gcp messages topic:transactional name:receipt --json --local`,
    )
    .action((filter: string[], options: MessagesOptions, command: Command) =>
      run(command, async (context) => {
        const { messages } = await import('../messages/messages.ts')
        await messages(context, filter, options)
      }),
    )
}
