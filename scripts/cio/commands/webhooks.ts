import { Command } from 'commander'
import { collect, positiveInteger } from '../options.ts'
import type { Run } from '../program.ts'
import type { ChangeOptions, TestOptions } from '../webhooks/webhooks.ts'

export function webhooksCommand(run: Run): Command {
  const webhooks = new Command('webhooks').description(
    "Customer.io's reporting webhooks: make them, look at them, try one.",
  )

  webhooks.addCommand(
    new Command('list')
      .description('List the reporting webhooks of the account.')
      .addHelpText('after', '\nExample:\n  cio webhooks list --local')
      .action((_options: object, command: Command) =>
        run(command, async (context) => {
          const { list } = await import('../webhooks/webhooks.ts')
          await list(context)
        }),
      ),
  )

  webhooks.addCommand(
    new Command('create')
      .description('Make a reporting webhook that sends everything there is to the webhook function.')
      .option('--url <url>', 'address of the webhook function: `terraform output webhook_url`; known with --local')
      .option('--name <name>', 'name in the list of Customer.io', 'customerio-gcp')
      .option('--event <event>', 'only this event, such as email_bounced; may be given several times', collect)
      .option('--with-content', 'with the bodies of sent messages: personal data, and large')
      .addHelpText(
        'after',
        `
Does nothing when a webhook with this address is there already; \`update\` changes one. Customer.io shows the signing key
on the page of the webhook: store it with \`secrets set CUSTOMERIO_WEBHOOK_SIGNING_KEYS\`.

Examples:
  cio webhooks create --local
  cio webhooks create --url https://webhook-abc123.a.run.app --env prod`,
      )
      .action((options: ChangeOptions, command: Command) =>
        run(command, async (context) => {
          const { create } = await import('../webhooks/webhooks.ts')
          await create(context, options)
        }),
      ),
  )

  webhooks.addCommand(
    new Command('update')
      .description('Bring a reporting webhook up to date; all events that there are, unless --event names some.')
      .argument('<id>', 'id as `webhooks list` shows it', positiveInteger)
      .option('--url <url>', 'its new address')
      .option('--name <name>', 'its new name')
      .option('--event <event>', 'only this event; may be given several times', collect)
      .option('--with-content', 'with the bodies of sent messages')
      .option('--enable', 'send again')
      .option('--disable', 'send no more')
      .addHelpText('after', '\nExamples:\n  cio webhooks update 1 --local\n  cio webhooks update 1 --disable --local')
      .action((id: number, options: ChangeOptions, command: Command) =>
        run(command, async (context) => {
          const { update } = await import('../webhooks/webhooks.ts')
          await update(context, id, options)
        }),
      ),
  )

  webhooks.addCommand(
    new Command('test')
      .description('Send a signed test event to an address and show the answer.')
      .option('--url <url>', 'where to; the webhook function when it is known')
      .option('--file <path>', 'a body to send, byte for byte, instead of the test event')
      .option('--wrong-key', 'sign with a key that nobody knows: 401 is the right answer then')
      .addHelpText(
        'after',
        `
Signs with the current key, as Customer.io does. The test event goes the whole way: it is published to webhook-events and
ends in the warehouse, with object_type cio_test.

Examples:
  cio webhooks test --local
  cio webhooks test --url https://webhook-abc123.a.run.app --env prod`,
      )
      .action((options: TestOptions, command: Command) =>
        run(command, async (context) => {
          const { test } = await import('../webhooks/webhooks.ts')
          await test(context, options)
        }),
      ),
  )
  return webhooks
}
