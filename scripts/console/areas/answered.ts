import { codeOf } from '../../../shared/errors/index.ts'
import { CommandError, wordsOf } from '../../cio/errors.ts'
import { ConsoleError } from '../server/area.ts'

/**
 * Asks a store, or has the command line do something. What it says when it refuses, such as a missing permission or a lease that
 * ran out, is for the person to see; an error that nobody foresaw stays one.
 */
export async function answered<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof CommandError) {
      const message = error.cause === undefined ? error.message : wordsOf(error)
      throw new ConsoleError([message, error.hint].filter((part) => part !== undefined).join('. '), { status: 409 })
    }
    // Google's clients have the code of a status; whatever else throws is ours.
    if (error instanceof ConsoleError || codeOf(error) === undefined) throw error
    throw new ConsoleError(wordsOf(error), { status: 502 })
  }
}
