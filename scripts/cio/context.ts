import type { Command } from 'commander'
import type { Connection } from './connection.ts'
import type { Done } from './done.ts'
import type { Output, OutputStreams } from './output.ts'
import type { Prompts } from './prompts.ts'

/** What is read and written: the streams of the process, or of a test. */
export interface Streams extends OutputStreams {
  readonly stdin: NodeJS.ReadableStream
}

/** What every command works with. */
export interface Context {
  readonly stdin: NodeJS.ReadableStream
  readonly output: Output
  readonly prompts: Prompts
  readonly connection: Connection
  /** Aborts at the first Ctrl-C: finish the work in progress, keep what is safe, say how to resume. */
  readonly signal: AbortSignal
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Each change is noted as soon as it has taken effect. */
  readonly done: Done
}

/** Does the work of a command's action with what its global options stand for. */
export type Run = (command: Command, work: (context: Context) => Promise<void>) => Promise<void>
