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
 * Writes all lines of one turn of the event loop at once: the messages of a batch are answered in one turn, and a write
 * for each would cost a system call each. What is left when the process ends is written then.
 */
export function createLineBuffer(writer: LineWriter, process: EndingProcess): LineWriter {
  // With LOG_EXECUTION_ID, the functions framework takes what is written on behalf of a request for one JSON line of
  // that request's. These lines are of several.
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
