import { Command } from 'commander'
import { triggerableEvents } from '../../emulators/customerio/trigger.ts'
import type { Run } from '../context.ts'
import { notEmpty } from '../options.ts'
import type { TriggerOptions } from '../trigger/trigger.ts'

export function triggerCommand(run: Run): Command {
  return new Command('trigger')
    .description('Have the local Customer.io send a webhook, as if it had happened.')
    .argument('<event>', 'such as email.bounced, or email.bounced.campaign with what made Customer.io send the message')
    .requiredOption('--person <kind:name>', 'whom it is about: id:…, email:… or phone:…', notEmpty)
    .option('--delivery <id>', 'the message that it is about; by default the newest one to this person', notEmpty)
    .addHelpText(
      'after',
      () => `
The webhook is signed and goes its way: to the function webhook, its listeners, the topic webhook-events, BigQuery. Nothing
else happens: nobody is unsubscribed. Events:
${columns(triggerableEvents(), 4)}

Examples:
  cio-gcp trigger email.bounced --person id:ada --local
  cio-gcp trigger customer.unsubscribed --person email:ada@example.com --local`,
    )
    .action((event: string, options: TriggerOptions, command: Command) =>
      run(command, async (context) => {
        const { trigger } = await import('../trigger/trigger.ts')
        await trigger(context, event, options)
      }),
    )
}

function columns(words: readonly string[], number: number): string {
  const widest = Math.max(...words.map(({ length }) => length))
  const lines = Array.from({ length: Math.ceil(words.length / number) }, (_, line) =>
    words.slice(line * number, (line + 1) * number),
  )
  return lines.map((line) => `  ${line.map((word) => word.padEnd(widest)).join('  ')}`.trimEnd()).join('\n')
}
