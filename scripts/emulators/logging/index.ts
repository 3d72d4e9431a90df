import { StringDecoder } from 'node:string_decoder'
import { entryOfLine } from './entry.ts'
import { parseLogFilter } from './filter.ts'

export { entryOfLine, type LogEntry } from './entry.ts'
export { parseLogFilter, valueAt } from './filter.ts'

/** Where entries go that pass a filter, such as a topic. */
export interface LogSink {
  /** In Cloud Logging's query language, as far as `filter.ts` reads it. */
  readonly filter: string
  /** Takes entries as JSON, as a sink publishes them. */
  deliver(entries: readonly string[]): void
}

export interface LogRouterOptions {
  readonly project: string
  readonly sinks: readonly LogSink[]
  readonly now: () => number
}

/** The standard output of one process of a service. */
export interface LogStream {
  write(chunk: Uint8Array): void
}

/**
 * The part of Cloud Logging that carries lines of standard output to sinks. A line counts when its line feed has come: what
 * a killed process had begun to write is lost.
 */
export class LogRouter {
  readonly #options: LogRouterOptions
  readonly #sinks: readonly { readonly passes: (entry: unknown) => boolean; readonly sink: LogSink }[]
  #entries = 0

  constructor(options: LogRouterOptions) {
    this.#options = options
    this.#sinks = options.sinks.map((sink) => ({ passes: parseLogFilter(sink.filter), sink }))
  }

  /** @param service name of the Cloud Run service */
  stream(service: string): LogStream {
    const decoder = new StringDecoder('utf8')
    let begun = ''
    return {
      write: (chunk) => {
        const lines = `${begun}${decoder.write(Buffer.from(chunk))}`.split('\n')
        begun = lines.pop() ?? ''
        this.#route(service, lines)
      },
    }
  }

  #route(service: string, lines: readonly string[]): void {
    const { project, now } = this.#options
    const receivedAtMs = now()
    const entries = lines.map((line) => {
      this.#entries += 1
      return entryOfLine(line, { project, service, receivedAtMs, insertId: `${receivedAtMs}-${this.#entries}` })
    })
    for (const { passes, sink } of this.#sinks) {
      const passing = entries.filter(passes).map((entry) => JSON.stringify(entry))
      if (passing.length > 0) sink.deliver(passing)
    }
  }
}
