import { Command } from 'commander'
import type { Run } from '../program.ts'
import type { RotateOptions, SetOptions } from '../secrets/secrets.ts'

const NAME = 'CUSTOMERIO_SITE_ID, CUSTOMERIO_TRACK_API_KEY, CUSTOMERIO_APP_API_KEY or CUSTOMERIO_WEBHOOK_SIGNING_KEYS'

export function secretsCommand(run: Run): Command {
  const secrets = new Command('secrets').description("Customer.io's credentials in Secret Manager.")

  secrets.addCommand(
    new Command('set')
      .description('Give a secret its value.')
      .argument('<name>', NAME)
      .option('--no-verify', 'do not ask Customer.io first whether it takes the value')
      .addHelpText(
        'after',
        `
The value is read from standard input, or asked for on a terminal; it is never an argument and never printed.

Examples:
  cio secrets set CUSTOMERIO_SITE_ID --env prod
  cio secrets set CUSTOMERIO_APP_API_KEY --local < key.txt`,
      )
      .action((name: string, options: SetOptions, command: Command) =>
        run(command, async (context) => {
          const { set } = await import('../secrets/secrets.ts')
          await set(context, name, options)
        }),
      ),
  )

  secrets.addCommand(
    new Command('check')
      .description('Check every secret, and with Customer.io whether it takes them and which region the account is in.')
      .addHelpText('after', '\nExample:\n  cio secrets check --local')
      .action((_options: object, command: Command) =>
        run(command, async (context) => {
          const { check } = await import('../secrets/secrets.ts')
          await check(context)
        }),
      ),
  )

  secrets.addCommand(
    new Command('rotate')
      .description('Replace a secret, and wait until every function uses the new value.')
      .argument('<name>', NAME)
      .option('--no-verify', 'do not ask Customer.io first whether it takes the value')
      .option('--no-wait', 'do not wait until the functions have read it')
      .option('--disable-previous', 'disable the versions before it, once the new one is live')
      .addHelpText(
        'after',
        `
Make the new value at Customer.io first, and keep the old one valid there until this is done: functions read a value
again when theirs is a minute old. A new webhook signing key goes in front of the one before, which stays valid, so that
no webhook is refused between the change here and there. The newest version is never disabled: functions read the latest.

Examples:
  cio secrets rotate CUSTOMERIO_TRACK_API_KEY --env prod
  cio secrets rotate CUSTOMERIO_WEBHOOK_SIGNING_KEYS --no-wait --local < key.txt`,
      )
      .action((name: string, options: RotateOptions, command: Command) =>
        run(command, async (context) => {
          const { rotate } = await import('../secrets/secrets.ts')
          await rotate(context, name, options)
        }),
      ),
  )
  return secrets
}
