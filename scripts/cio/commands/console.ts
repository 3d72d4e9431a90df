import { once } from 'node:events'
import { Command } from 'commander'
import { safeErrorName } from '../../../shared/errors/index.ts'
import type { Run } from '../context.ts'
import { port } from '../options.ts'

interface ConsoleFlags {
  readonly port: number
  readonly allowActions?: boolean
  readonly mask?: boolean
}

export function consoleCommand(run: Run): Command {
  return new Command('console')
    .description('Serve a page for the browser: messages and dead letters of this pipeline.')
    .option('--port <number>', 'port on loopback; any free one by default', port, 0)
    .option('--allow-actions', 'let the page replay, settle and delete; without it the page only reads')
    .option('--mask', 'with --local: mask personal data, as for a deployment')
    .addHelpText(
      'after',
      `
It listens on loopback only and works with your own credentials until Ctrl-C. For a deployment the address has a random key that
keeps other users of this machine out. It asks for nothing by itself: BigQuery is read on a click, after the page has said how
much, and dead letters are pulled on a click and given back when you leave.
For a deployment personal data are masked. To reveal them writes a line into the record of messages.

Examples:
  cio-gcp console --env prod
  cio-gcp console --env prod --allow-actions --port 8099
  cio-gcp console --local`,
    )
    .action((options: ConsoleFlags, command: Command) =>
      run(command, async ({ connection, now, signal, output }) => {
        const { startConnectedConsole } = await import('../../console/connected.ts')
        const page = await startConnectedConsole(
          { connection, now, signal },
          {
            port: options.port,
            allowActions: options.allowActions ?? false,
            masked: options.mask ?? !connection.local,
            onError: (error) => output.error(`the page asked for what failed: ${safeErrorName(error)}`),
          },
        )
        try {
          output.result({ url: page.url }, () => page.url)
          output.note(
            `${options.allowActions ? 'It can replay, settle and delete.' : 'It only reads.'} Ctrl-C ends it.`,
          )
          if (!signal.aborted) await once(signal, 'abort')
        } finally {
          await page.close()
        }
      }),
    )
}
