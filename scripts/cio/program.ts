import { Command, CommanderError, Option } from 'commander'
import { documentPath } from '../topology/topology.ts'
import { accessCommand } from './commands/access.ts'
import { cancelCommand, cancellationsCommand } from './commands/cancel.ts'
import { consoleCommand } from './commands/console.ts'
import { dlqCommand } from './commands/dlq.ts'
import { doctorCommand } from './commands/doctor.ts'
import { eraseCommand } from './commands/erase.ts'
import { logsCommand } from './commands/logs.ts'
import { messagesCommand } from './commands/messages.ts'
import { namesCommand } from './commands/names.ts'
import { pauseCommand, resumeCommand, statusCommand } from './commands/pause.ts'
import { preflightCommand } from './commands/preflight.ts'
import { probeCommand } from './commands/probe.ts'
import { publishCommand } from './commands/publish.ts'
import { quarantineCommand } from './commands/quarantine.ts'
import { replayCommand } from './commands/replay.ts'
import { secretsCommand } from './commands/secrets.ts'
import { syncCommand } from './commands/sync.ts'
import { traceCommand } from './commands/trace.ts'
import { triggerCommand } from './commands/trigger.ts'
import { webhooksCommand } from './commands/webhooks.ts'
import { connect } from './connection.ts'
import type { Context, Run, Streams } from './context.ts'
import { Done } from './done.ts'
import { CommandError, EXIT, usageError, wordsOf } from './errors.ts'
import { refuseWhatNpmTook, standingIn } from './npm.ts'
import { Output } from './output.ts'
import { createPrompts } from './prompts.ts'

interface GlobalOptions {
  readonly local?: boolean
  readonly endpoints?: string
  readonly env?: string
  readonly project?: string
  readonly region?: string
  readonly namePrefix?: string
  readonly json?: boolean
  readonly yes?: boolean
}

const COMMANDS = [
  publishCommand,
  syncCommand,
  dlqCommand,
  replayCommand,
  statusCommand,
  pauseCommand,
  resumeCommand,
  cancelCommand,
  cancellationsCommand,
  quarantineCommand,
  secretsCommand,
  webhooksCommand,
  namesCommand,
  eraseCommand,
  accessCommand,
  preflightCommand,
  doctorCommand,
  messagesCommand,
  traceCommand,
  triggerCommand,
  logsCommand,
  probeCommand,
  consoleCommand,
]

const AFTERWORD = `
Exit codes: 0 done · 1 failed, see the last lines · 2 wrong command line, nothing was done
            3 stopped by you: run it again to resume`

/** Runs one command line and gives its exit code. Results go to standard output, everything else to standard error. */
export async function run(argv: readonly string[], streams: Streams): Promise<number> {
  // Also where commander itself refuses the command line.
  const output = new Output({ json: argv.includes('--json'), streams })
  const done = new Done()
  const interrupt = interruption(output)
  try {
    const program = createProgram(runIn({ signal: interrupt.signal, output, done }, streams), streams)
    refuseWhatNpmTook(program, argv, process.env)
    process.chdir(standingIn(process.env, process.cwd()))
    await program.parseAsync([...argv], { from: 'user' })
    return EXIT.ok
  } catch (error) {
    return report(error, { output, done, signal: interrupt.signal })
  } finally {
    interrupt.end()
  }
}

type Running = Pick<Context, 'signal' | 'output' | 'done'>

function runIn(running: Running, { stdin, stderr }: Streams): Run {
  return async (command, work) => {
    const options: GlobalOptions = command.optsWithGlobals()
    checkTarget(options, process.env)
    const connection = await connect({ ...options, local: options.local ?? false })
    const prompts = createPrompts({ yes: options.yes ?? false, stdin, stderr })
    try {
      running.output.context(`target: ${connection.name}`)
      await work({ ...running, stdin, prompts, connection, now: Date.now })
    } finally {
      await connection.close()
    }
  }
}

/** Exactly one target, and on the command line: a variable, or a default of gcloud's, is set once and forgotten. */
function checkTarget({ local, endpoints, env, project }: GlobalOptions, environment: NodeJS.ProcessEnv): void {
  const given = Object.entries({
    '--local': local || undefined,
    '--endpoints': endpoints,
    '--env': env,
    '--project': project,
  })
    .filter(([, value]) => value !== undefined)
    .map(([name]) => name)
  const here = given.some((name) => name === '--local' || name === '--endpoints')
  if (given.length > 0 && (!here || given.every((name) => name === '--local' || name === '--endpoints'))) return
  if (given.length > 0) throw usageError(`${given.join(' and ')}: give one target`)
  const hint = 'Add --local, --env <name> or --project <id>.'
  const npm = ' npm passes options on only behind --, as in: npm run cio -- doctor --local'
  throw usageError('the command line does not say where', environment.npm_lifecycle_event === 'cio' ? hint + npm : hint)
}

/** All commands, with their options and help. */
export function createProgram(run: Run, { stdout }: Pick<Streams, 'stdout'> = process): Command {
  const program = new Command('cio-gcp')
    .description('Operate the pipeline between your applications and Customer.io.')
    .addOption(new Option('--local', 'use the local stack that `npm start` runs'))
    .addOption(
      new Option(
        '--endpoints <file>',
        'use another local stack, such as one of a checkout elsewhere: its .local/endpoints.json',
      ),
    )
    .addOption(new Option('--env <name>', 'take project and region from terraform/environments/<name>, here or above'))
    .addOption(new Option('--project <id>', 'Google Cloud project, with --region'))
    .addOption(new Option('--name-prefix <prefix>', 'with --project: name_prefix of the pipeline, if it has one'))
    .addOption(new Option('--region <us|eu>', "region of Customer.io's account").env('CUSTOMERIO_REGION'))
    .addOption(new Option('--json', 'print one JSON document instead of text, and notes and errors as JSON lines'))
    .addOption(new Option('-y, --yes', 'answer every confirmation with yes'))
    .addHelpText('after', `\nOperator guide: ${documentPath('scripts/cio/README.md')}`)
  for (const make of COMMANDS) program.addCommand(make(run))
  for (const command of [program, ...program.commands.flatMap((each) => [each, ...each.commands])]) {
    command
      .exitOverride()
      .configureHelp({ showGlobalOptions: true })
      // report() says what is wrong.
      .configureOutput({ writeOut: (text) => stdout.write(text), outputError: () => {} })
      .addHelpText('after', AFTERWORD)
  }
  return program
}

/** What went wrong, in words for a person; a stack only for what nobody foresaw. */
function report(error: unknown, { output, done, signal }: Running): number {
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok
  const { message, hint, exitCode } = failureOf(error, signal)
  // "Wrong command line" means that nothing was done.
  const code = exitCode === EXIT.usage && done.words.length > 0 ? EXIT.failed : exitCode
  output.failure({ message, hint, exitCode: code, done: done.words })
  if (process.env.CIO_DEBUG !== undefined && error instanceof Error) output.note(error.stack ?? '')
  return code
}

function failureOf(
  error: unknown,
  signal: AbortSignal,
): { message: string; hint: string | undefined; exitCode: number } {
  if (error instanceof CommanderError) {
    return {
      message: error.message.replace(/^error: /, ''),
      hint: '--help shows how it is used.',
      exitCode: EXIT.usage,
    }
  }
  if (error instanceof CommandError) {
    const message = error.cause === undefined ? error.message : wordsOf(error)
    return { message, hint: error.hint, exitCode: error.exitCode }
  }
  if (signal.aborted) {
    return { message: 'stopped. Run the same command again to resume.', hint: undefined, exitCode: EXIT.aborted }
  }
  const hint = process.env.CIO_DEBUG === undefined ? 'CIO_DEBUG=1 prints the stack.' : undefined
  return { message: wordsOf(error), hint, exitCode: EXIT.failed }
}

/** The first Ctrl-C, or a closed terminal, asks to stop; the second one stops. */
function interruption(output: Output): { readonly signal: AbortSignal; readonly end: () => void } {
  const controller = new AbortController()
  const stop = (signal: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(EXIT.aborted)
    controller.abort(new Error(signal))
    output.note('stopping after the work in progress. Press Ctrl-C again to stop at once.')
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
