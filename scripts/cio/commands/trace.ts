import { Command } from 'commander'
import type { Run } from '../context.ts'
import { age, notEmpty, positiveInteger } from '../options.ts'
import type { TraceOptions } from '../trace/question.ts'

const DAY_MS = 86_400_000

export function traceCommand(run: Run): Command {
  return new Command('trace')
    .description('Show what became of a message: attempts, answers, ledger, dead letter, and what came back.')
    .option('--message <id>', "Pub/Sub's id of the message, or of its dead letter", notEmpty)
    .option('--key <key>', 'its idempotency key', notEmpty)
    .option('--delivery <id>', "Customer.io's id of the delivery", notEmpty)
    .option('--person <kind:name>', 'the last messages of this person: id:…, email:… or phone:…', notEmpty)
    .option('--limit <number>', 'of a person, show at most this many', positiveInteger, 20)
    .option('--since <age>', 'look this far back: 90s, 15m, 2h, 3d', age, 7 * DAY_MS)
    .option('--no-dead-letters', 'pull no dead letters')
    .option('--follow', 'print each line as it comes to be known, until nothing more is expected')
    .addHelpText(
      'after',
      `
Reads the record of outcomes, the webhooks in the warehouse and the send ledger. Where a message was not accepted, and for a
person, it also looks through the dead letters. Pub/Sub has no read-only view of them: they are pulled and given back at the
end; until then nobody else receives them. For a deployment it says beforehand how much of BigQuery it will read.

"Accepted by Customer.io" is what Customer.io answered. It does not say that anything was changed or sent: only a webhook does.
With --follow and --json it prints the journey on one line whenever it has changed; the last one has "final": true.
What a mail server answered, and the error of a dead letter, may quote personal data.

Examples:
  cio-gcp trace --key order-1001-receipt --local
  cio-gcp trace --person email:ada@example.com --limit 5 --local
  cio-gcp trace --message 1763740000000001 --follow --local
  cio-gcp trace --key order-1001-receipt --follow --json --local | jq -r .state`,
    )
    .action((options: TraceOptions, command: Command) =>
      run(command, async (context) => {
        const { trace } = await import('../trace/trace.ts')
        await trace(context, options)
      }),
    )
}
