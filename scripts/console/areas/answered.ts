import { wordsOf } from '../../cio/errors.ts'
import { ConsoleError } from '../server/area.ts'

/** Asks a store. What it says when it refuses, such as a missing permission, is for the person to see. */
export async function answered<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof ConsoleError ? error : new ConsoleError(wordsOf(error), { status: 502 })
  }
}
