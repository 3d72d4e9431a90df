import { styleText } from 'node:util'

type Format = Parameters<typeof styleText>[0]

export interface OutputOptions {
  /** One JSON document on standard output instead of text. */
  readonly json: boolean
  readonly streams: OutputStreams
}

/** Where text goes: those of the process, or of a test. */
export interface OutputStreams {
  readonly stdout: NodeJS.WritableStream
  readonly stderr: NodeJS.WritableStream
}

/** How a command ended that did not do all it should. */
export interface Failure {
  readonly message: string
  readonly hint: string | undefined
  readonly exitCode: number
  readonly done: readonly string[]
}

/**
 * Everything that is printed. Standard output carries the result and nothing else, as text or as one JSON document, or one
 * per line of what comes bit by bit;
 * notes, warnings and errors go to standard error, each a line of JSON when the result is JSON.
 */
export class Output {
  readonly json: boolean
  readonly #stdout: NodeJS.WritableStream
  readonly #stderr: NodeJS.WritableStream

  constructor({ json, streams }: OutputOptions) {
    this.json = json
    this.#stdout = streams.stdout
    this.#stderr = streams.stderr
  }

  /** Prints the result; `text` is only called when text is printed. */
  result(value: unknown, text: () => string): void {
    const printed = this.json ? JSON.stringify(value, null, 2) : text()
    if (printed !== '') this.#stdout.write(`${printed}\n`)
  }

  /** Prints a part of a result that comes bit by bit: as JSON, a document on a line of its own. */
  line(value: unknown, text: () => string): void {
    const printed = this.json ? JSON.stringify(value) : text()
    if (printed !== '') this.#stdout.write(`${printed}\n`)
  }

  note(text: string): void {
    this.#say(text, { note: text })
  }

  /** What a person should see before anything happens; a program has said it itself. */
  context(text: string): void {
    if (!this.json) this.note(text)
  }

  warn(text: string): void {
    this.#say(`${this.style('yellow', 'warning:', this.#stderr)} ${text}`, { warning: text })
  }

  error(text: string, hint?: string): void {
    this.#say(
      [`${this.style('red', 'error:', this.#stderr)} ${text}`, ...(hint === undefined ? [] : [`  ${hint}`])].join('\n'),
      {
        error: { message: text, ...(hint !== undefined && { hint }) },
      },
    )
  }

  /** How the command ended, with what had taken effect before. */
  failure({ message, hint, exitCode, done }: Failure): void {
    if (!this.json) {
      this.error(message, hint)
      if (done.length > 0) this.note(`  Done before that: ${done.join('; ')}.`)
      return
    }
    const error = { message, ...(hint !== undefined && { hint }), exitCode, done }
    this.#stderr.write(`${JSON.stringify({ error })}\n`)
  }

  /** With --json, every line of standard error is a JSON document too. */
  #say(text: string, document: object): void {
    this.#stderr.write(`${this.json ? JSON.stringify(document) : text}\n`)
  }

  /** Coloured on a terminal only, and not when NO_COLOR is set. */
  style(format: Format, text: string, stream: NodeJS.WritableStream = this.#stdout): string {
    return styleText(format, text, { stream })
  }

  /** Where a progress bar may be drawn; undefined when standard error is no terminal. */
  get terminal(): NodeJS.WritableStream | undefined {
    const isTerminal = 'isTTY' in this.#stderr && this.#stderr.isTTY === true
    return isTerminal && !this.json ? this.#stderr : undefined
  }
}

/** Overrides and isolates of the writing direction: with them `gpj.exe` is shown as `exe.jpg`. */
const DIRECTIONS = '\\u202a-\\u202e\\u2066-\\u2069'
const OBEYED = new RegExp(`[\\p{Cc}${DIRECTIONS}]`, 'gu')

/** Makes foreign text safe for one line: what a terminal or browser obeys is shown instead. */
export function printable(text: string): string {
  return text.replaceAll(OBEYED, (character) => {
    const code = character.charCodeAt(0).toString(16)
    return code.length > 2 ? `\\u${code}` : `\\x${code.padStart(2, '0')}`
  })
}

/** Columns as wide as their widest cell. The last one is not padded. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows].map((line) => line.map(printable))
  const widths = header.map((_, column) =>
    lines.reduce((widest, line) => Math.max(widest, (line[column] ?? '').length), 0),
  )
  return lines
    .map((line) =>
      line
        .map((cell, column) => (column === line.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** `3 messages`, `1 message`. */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`
}

const BYTE_UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

/** `0 bytes`, `1.5 MB`, `12 GB`: units of 1,000. */
export function bytes(number: number): string {
  const power = Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log10(Math.max(1, number)) / 3))
  const amount = number / 1_000 ** power
  return `${amount.toLocaleString('en', { maximumFractionDigits: amount < 10 && power > 0 ? 1 : 0 })} ${BYTE_UNITS[power]}`
}

/** Two units at most: `45 s`, `12 min`, `3 h 20 min`, `4 d 2 h`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
  return hours % 24 === 0 ? `${Math.floor(hours / 24)} d` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}
