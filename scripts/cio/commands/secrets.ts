import { Command } from 'commander'
import type { Run } from '../context.ts'
import type { RotateOptions, SetOptions } from '../secrets/secrets.ts'

const NAME =
  'CUSTOMERIO_SITE_ID, CUSTOMERIO_TRACK_API_KEY, CUSTOMERIO_APP_API_KEY, CUSTOMERIO_WEBHOOK_SIGNING_KEYS or PERSON_HASH_KEYS'
const GENERATE = 'make a random key (PERSON_HASH_KEYS only)'

export function secretsCommand(run: Run): Command {
  const secrets = new Command('secrets').description("Manage Customer.io's credentials in Secret Manager.")

  secrets.addCommand(
    new Command('set')
      .description('Set the value of a secret.')
      .argument('<name>', NAME)
      .option('--generate', GENERATE)
      .option('--no-verify', 'do not try the value at Customer.io first')
      .addHelpText(
        'after',
        `
The value is read from standard input, or from a prompt when run in a terminal. It is never an argument and never printed.

Examples:
  cio-gcp secrets set CUSTOMERIO_SITE_ID --env prod
  cio-gcp secrets set CUSTOMERIO_APP_API_KEY --local < key.txt`,
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
      .description('Check every secret, try it at Customer.io, and compare the region of the account.')
      .addHelpText('after', '\nExample:\n  cio-gcp secrets check --local')
      .action((_options: object, command: Command) =>
        run(command, async (context) => {
          const { check } = await import('../secrets/secrets.ts')
          await check(context)
        }),
      ),
  )

  secrets.addCommand(
    new Command('rotate')
      .description('Replace the value of a secret, and wait until every function uses the new one.')
      .argument('<name>', NAME)
      .option('--generate', GENERATE)
      .option('--no-verify', 'do not try the value at Customer.io first')
      .option('--no-wait', 'do not wait for the functions')
      .option('--disable-previous', 'disable the earlier versions once the new one is in use')
      .addHelpText(
        'after',
        `
Create the new value at Customer.io first, and keep the old one valid there until this command is done: functions read a
secret again when their copy is a minute old. A new webhook signing key is stored in front of the previous one, and both
are valid, so no webhook fails between the two changes. A new person hash key is stored in front too; an older one goes when
the send ledger has no record that was made with it, and no erasure is unfinished. The newest version is never disabled, because functions read it.

Examples:
  cio-gcp secrets rotate CUSTOMERIO_TRACK_API_KEY --env prod
  cio-gcp secrets rotate PERSON_HASH_KEYS --generate --env prod
  cio-gcp secrets rotate CUSTOMERIO_WEBHOOK_SIGNING_KEYS --no-wait --local < key.txt`,
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
