/** What a command ends with. Documented in every command's help. */
export const EXIT = {
  /** Done. */
  ok: 0,
  /** Failed: the last lines say what went wrong and how to fix it. */
  failed: 1,
  /** Wrong command line: nothing was done. */
  usage: 2,
  /** Stopped by the operator, by an answer or Ctrl-C: running the same command again resumes. */
  aborted: 3,
} as const

/** A failure to report: what was being done and, in the hint, how to fix it. Printed without a stack. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly exitCode: number
  readonly hint: string | undefined

  constructor(message: string, options: { hint?: string; exitCode?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.exitCode = options.exitCode ?? EXIT.failed
    this.hint = options.hint
  }
}

/** Nothing in the cloud can be asked: not worth a line for each question. */
export class NoCredentialsError extends CommandError {
  constructor() {
    super('there are no Google credentials on this machine', { hint: 'Run: gcloud auth application-default login' })
  }
}

export function usageError(message: string, hint?: string): CommandError {
  return new CommandError(message, { exitCode: EXIT.usage, ...(hint !== undefined && { hint }) })
}

export function aborted(message: string): CommandError {
  return new CommandError(message, { exitCode: EXIT.aborted })
}

const WORDS_LENGTH = 400

/** The message of an error and of its causes: the last cause often says most. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // Google's clients append every attempt, which repeats one sentence many times.
  const [said = ''] = error.message.split(/(?<! ) *: Previous errors/)
  const own = said === '' ? error.name : said.slice(0, WORDS_LENGTH)
  return error.cause instanceof Error ? `${own}: ${wordsOf(error.cause)}` : own
}
