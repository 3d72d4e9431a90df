/** What a command ends with. Documented in every command's help. */
export const EXIT = {
  /** Done. */
  ok: 0,
  /** Something is wrong, or could not be done: the last lines say what and what to do about it. */
  failed: 1,
  /** The command line itself is wrong: nothing was done. */
  usage: 2,
  /** A person said no, or pressed Ctrl-C: what was under way can be taken up again with the same command. */
  aborted: 3,
} as const

/** Something a person has to know: what was being done and, as the hint, what to do about it. Printed without a stack. */
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

export function usageError(message: string, hint?: string): CommandError {
  return new CommandError(message, { exitCode: EXIT.usage, ...(hint !== undefined && { hint }) })
}

export function aborted(message: string): CommandError {
  return new CommandError(message, { exitCode: EXIT.aborted })
}

const WORDS_LENGTH = 400

/** The words of an error, and of what it was caused by: the last line is often the one that helps. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // Google's clients add every attempt that they made, which is one sentence many times.
  const [said = ''] = error.message.split(/ *: Previous errors/)
  const own = said === '' ? error.name : said.slice(0, WORDS_LENGTH)
  return error.cause instanceof Error ? `${own}: ${wordsOf(error.cause)}` : own
}
