import { AsyncLocalStorage } from 'node:async_hooks'

/** Where lines are written. */
export interface LineWriter {
  write(text: string): unknown
}

/** Where their bytes go, such as `process.stdout`. */
export interface ByteWriter {
  write(bytes: Uint8Array): unknown
}

/** The part of `process` that a line buffer needs. */
export interface EndingProcess {
  once(event: 'exit', listener: () => void): unknown
}

/**
 * Replaces: with `LOG_EXECUTION_ID`, the framework takes whatever is written on behalf of a request for one JSON line
 * of that request. Lines of several requests that are written together then become one line of plain text.
 *
 * Writes all lines of one turn of the event loop at once, on behalf of no request: the messages of a batch are answered
 * in one turn, and a write for each would cost a system call each. What is left when the process ends is written then.
 *
 * It writes bytes: for a text of this size Node takes three times the memory from the system before it encodes it, which
 * costs as much as making the lines.
 */
export function createLineBuffer(writer: ByteWriter, process: EndingProcess): LineWriter {
  const onNobodysBehalf = AsyncLocalStorage.snapshot()
  let lines = ''
  const flush = () => {
    const text = lines
    lines = ''
    if (text !== '') writer.write(Buffer.from(text))
  }
  process.once('exit', flush)
  return {
    write(line) {
      if (lines === '') onNobodysBehalf(() => setImmediate(flush))
      lines += line
    },
  }
}
