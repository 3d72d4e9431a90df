import { Writable } from 'node:stream'
import type { Connection } from '../cio/connection.ts'
import type { Context } from '../cio/context.ts'
import { Done } from '../cio/done.ts'
import { Output } from '../cio/output.ts'

/** What the functions of the command line work with when a page calls them: it has asked by then. */
export type OperatorContext = Pick<Context, 'connection' | 'output' | 'now' | 'signal' | 'done'>

export interface Operator {
  readonly connection: Connection
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Aborts when the console ends. */
  readonly signal: AbortSignal
}

/** Runs a function of the command line. @returns its result, and the notes and warnings that a terminal would show */
export async function operate<T>(
  { connection, now, signal }: Operator,
  work: (context: OperatorContext) => Promise<T>,
): Promise<{ readonly result: T; readonly notes: readonly string[] }> {
  const notes: string[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, written) {
      notes.push(chunk.toString().trimEnd())
      written()
    },
  })
  const output = new Output({ json: false, streams: { stdout: stream, stderr: stream } })
  const result = await work({ connection, now, signal, output, done: new Done() })
  return { result, notes }
}
