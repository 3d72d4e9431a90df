import { Command, CommanderError, Option } from 'commander'
import { accessCommand } from './commands/access.ts'
import { dlqCommand } from './commands/dlq.ts'
import { doctorCommand } from './commands/doctor.ts'
import { eraseCommand } from './commands/erase.ts'
import { publishCommand } from './commands/publish.ts'
import { secretsCommand } from './commands/secrets.ts'
import { syncCommand } from './commands/sync.ts'
import { webhooksCommand } from './commands/webhooks.ts'
import { connect } from './connection.ts'
import type { Run } from './context.ts'
import { CommandError, EXIT, wordsOf } from './errors.ts'
import { Output } from './output.ts'
import { createPrompts } from './prompts.ts'

interface GlobalOptions {
  readonly local?: boolean
  readonly endpoints?: string
  readonly env?: string
  readonly project?: string
  readonly region?: string
  readonly json?: boolean
  readonly yes?: boolean
}

const COMMANDS = [
  publishCommand,
  syncCommand,
  dlqCommand,
  secretsCommand,
  webhooksCommand,
  eraseCommand,
  accessCommand,
  doctorCommand,
]

const AFTERWORD = `
Exit codes: 0 done · 1 failed, see the last lines · 2 wrong command line, nothing was done
            3 stopped by you: run it again to resume`

/** Runs one command line and gives its exit code. Results go to standard output, everything else to standard error. */
export async function run(argv: readonly string[]): Promise<number> {
  keepWorkingWhenNobodyReads()
  const interrupt = interruption()
  try {
    await createProgram(runIn(interrupt.signal)).parseAsync([...argv], { from: 'user' })
    return EXIT.ok
  } catch (error) {
    return report(error, interrupt.signal)
  } finally {
    interrupt.end()
  }
}

function runIn(signal: AbortSignal): Run {
  return async (command, work) => {
    const options: GlobalOptions = command.optsWithGlobals()
    const connection = await connect({ ...options, local: options.local ?? false })
    const output = new Output({ json: options.json ?? false })
    const prompts = createPrompts({ yes: options.yes ?? false })
    try {
      await work({ output, prompts, connection, signal, now: Date.now })
    } finally {
      await connection.close()
    }
  }
}

/** All commands, with their options and help. */
export function createProgram(run: Run): Command {
  const program = new Command('cio-gcp')
    .description('Operate the pipeline between your applications and Customer.io.')
    .addOption(new Option('--local', 'use the local stack that `npm start` runs'))
    .addOption(new Option('--endpoints <file>', 'use another local stack: its endpoints.json'))
    .addOption(new Option('--env <name>', 'take project and region from terraform/environments/<name>, here or above'))
    .addOption(new Option('--project <id>', 'Google Cloud project').env('GOOGLE_CLOUD_PROJECT'))
    .addOption(new Option('--region <us|eu>', "region of Customer.io's account").env('CUSTOMERIO_REGION'))
    .addOption(new Option('--json', 'print one JSON document instead of text'))
    .addOption(new Option('-y, --yes', 'answer every confirmation with yes'))
    .addHelpText('after', '\nOperator guide: scripts/cio/README.md')
  for (const make of COMMANDS) program.addCommand(make(run))
  for (const command of [program, ...program.commands.flatMap((each) => [each, ...each.commands])]) {
    command
      .exitOverride()
      .configureHelp({ showGlobalOptions: true })
      .showHelpAfterError('(--help shows how it is used)')
      .addHelpText('after', AFTERWORD)
  }
  return program
}

/** What went wrong, in words for a person; a stack only for what nobody foresaw. */
function report(error: unknown, signal: AbortSignal): number {
  const output = new Output({ json: false })
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (signal.aborted && !(error instanceof CommandError)) {
    output.error('stopped. Run the same command again to resume.')
    return EXIT.aborted
  }
  if (error instanceof CommandError) {
    output.error(error.cause === undefined ? error.message : wordsOf(error), error.hint)
    return error.exitCode
  }
  output.error(wordsOf(error), process.env.CIO_DEBUG === undefined ? 'CIO_DEBUG=1 prints the stack.' : undefined)
  if (process.env.CIO_DEBUG !== undefined && error instanceof Error) output.note(error.stack ?? '')
  return EXIT.failed
}

/** `cio-gcp … | head` and a closed terminal end the reading, not the work: what was begun comes to its end. */
function keepWorkingWhenNobodyReads(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error
    })
  }
}

/** The first Ctrl-C, or a closed terminal, asks to stop; the second one stops. */
function interruption(): { readonly signal: AbortSignal; readonly end: () => void } {
  const controller = new AbortController()
  const stop = (signal: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(EXIT.aborted)
    controller.abort(new Error(signal))
    process.stderr.write('\nstopping after the work in progress. Press Ctrl-C again to stop at once.\n')
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, stop)
  return {
    signal: controller.signal,
    end: () => {
      for (const signal of signals) process.off(signal, stop)
    },
  }
}
