import { Command } from 'commander'
import type { Run } from '../context.ts'
import { collect, positiveInteger } from '../options.ts'
import type { ChangeOptions, TestOptions } from '../webhooks/webhooks.ts'

export function webhooksCommand(run: Run): Command {
  const webhooks = new Command('webhooks').description(
    "List, create, update and test Customer.io's reporting webhooks.",
  )

  webhooks.addCommand(
    new Command('list')
      .description('List the reporting webhooks of the account.')
      .addHelpText('after', '\nExample:\n  cio-gcp webhooks list --local')
      .action((_options: object, command: Command) =>
        run(command, async (context) => {
          const { list } = await import('../webhooks/webhooks.ts')
          await list(context)
        }),
      ),
  )

  webhooks.addCommand(
    new Command('create')
      .description('Create a reporting webhook that sends every event to the webhook function.')
      .option(
        '--url <url>',
        'address of the webhook function, from `terraform output webhook_url`; not needed with --local',
      )
      .option('--name <name>', 'name shown at Customer.io', 'customerio-gcp')
      .option('--event <event>', 'only this event, such as email_bounced; repeatable', collect)
      .option('--with-content', 'include the bodies of sent messages: large, and personal data')
      .addHelpText(
        'after',
        `
Does nothing if a webhook with this address exists; use \`update\` to change it. Customer.io shows the signing key on the
page of the webhook: store it with \`secrets set CUSTOMERIO_WEBHOOK_SIGNING_KEYS\`.

Examples:
  cio-gcp webhooks create --local
  cio-gcp webhooks create --url https://webhook-abc123.a.run.app --env prod`,
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
      .description('Change a reporting webhook. It sends every event unless --event is given.')
      .argument('<id>', 'id from `webhooks list`', positiveInteger)
      .option('--url <url>', 'its new address')
      .option('--name <name>', 'its new name')
      .option('--event <event>', 'only this event; repeatable', collect)
      .option('--with-content', 'include the bodies of sent messages')
      .option('--enable', 'start sending')
      .option('--disable', 'stop sending')
      .addHelpText(
        'after',
        '\nExamples:\n  cio-gcp webhooks update 1 --local\n  cio-gcp webhooks update 1 --disable --local',
      )
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
      .option('--url <url>', 'address; by default the webhook function, where it is known')
      .option('--file <path>', 'send this file byte for byte instead of the test event')
      .option('--wrong-key', 'sign with an unknown key: expects the answer 401')
      .addHelpText(
        'after',
        `
Signs with the current key, as Customer.io does. The test event is published to webhook-events and stored in the
warehouse, with object_type cio_test.

Examples:
  cio-gcp webhooks test --local
  cio-gcp webhooks test --url https://webhook-abc123.a.run.app --env prod`,
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
