import { AsyncLocalStorage } from 'node:async_hooks'

/** Where lines are written, such as `process.stdout`. */
export interface LineWriter {
  write(text: string): unknown
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
 */
export function createLineBuffer(writer: LineWriter, process: EndingProcess): LineWriter {
  const onNobodysBehalf = AsyncLocalStorage.snapshot()
  let lines = ''
  const flush = () => {
    const text = lines
    lines = ''
    if (text !== '') writer.write(text)
  }
  process.once('exit', flush)
  return {
    write(line) {
      if (lines === '') onNobodysBehalf(() => setImmediate(flush))
      lines += line
    },
  }
}
