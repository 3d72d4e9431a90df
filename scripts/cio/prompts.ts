import { aborted, usageError } from './errors.ts'

export interface Prompts {
  /** Asks before what cannot be undone. Resolves when the answer is yes; throws `aborted` when it is no. */
  confirm(question: string): Promise<void>
  /** One of several; throws `aborted` on Ctrl-C. */
  choose<T extends string>(question: string, choices: readonly { value: T; name: string }[]): Promise<T>
  /** Text that is not shown while it is typed. */
  secret(question: string): Promise<string>
  /** Opens the person's editor on a text and gives what they saved. */
  edit(question: string, text: string, extension: string): Promise<string>
  /** True when every confirmation is given: nobody reads the question. */
  readonly confirmed: boolean
  /** True when somebody can be asked. */
  readonly interactive: boolean
}

export interface PromptOptions {
  /** `--yes`: every confirmation is given. */
  readonly yes: boolean
  readonly stdin: NodeJS.ReadableStream
  readonly stderr: NodeJS.WritableStream
}

/** True whatever was done before it; what that was, the end of the program says. */
const STOPPED = 'stopped at your answer: nothing more was done'

/** Questions on standard error, so that they never mix with the output. The library is only loaded when one is asked. */
export function createPrompts({ yes, stdin, stderr }: PromptOptions): Prompts {
  const interactive = 'isTTY' in stdin && stdin.isTTY === true
  const context = { input: stdin, output: stderr }

  return {
    interactive,
    confirmed: yes,
    async confirm(question) {
      if (yes) return
      if (!interactive)
        throw usageError(`this needs a confirmation: ${question}`, 'There is no terminal to ask in: add --yes.')
      const { confirm } = await import('@inquirer/prompts')
      if (!(await orAborted(confirm({ message: question, default: false }, context)))) throw aborted(STOPPED)
    },
    async choose(question, choices) {
      const { select } = await import('@inquirer/prompts')
      return await orAborted(select({ message: question, choices: [...choices] }, context))
    },
    async secret(question) {
      const { password } = await import('@inquirer/prompts')
      return await orAborted(password({ message: question, mask: false }, context))
    },
    async edit(question, text, extension) {
      const { editor } = await import('@inquirer/prompts')
      return await orAborted(
        editor({ message: question, default: text, postfix: extension, waitForUserInput: false }, context),
      )
    },
  }
}

async function orAborted<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof Error && error.name === 'ExitPromptError') throw aborted(STOPPED)
    throw error
  }
}
