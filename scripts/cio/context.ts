import type { Connection } from './connection.ts'
import type { Output } from './output.ts'
import type { Prompts } from './prompts.ts'

/** What every command works with. */
export interface Context {
  readonly output: Output
  readonly prompts: Prompts
  readonly connection: Connection
  /** Aborts at the first Ctrl-C: finish what is under way, keep what is safe, say how to go on. */
  readonly signal: AbortSignal
  /** Milliseconds since 1970. */
  readonly now: () => number
}
