import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { entryOfLine } from '../../emulators/logging/index.ts'
import { type Entry, entrySchema } from './entry.ts'

/** The log of one local function, read from where the last reading ended. */
export class LogFile {
  readonly #path: string
  readonly #name: string
  readonly #decoder = new StringDecoder('utf8')
  #position = 0
  #begun = ''
  #lines = 0

  constructor(directory: string, name: string) {
    this.#path = join(directory, `${name}.log`)
    this.#name = name
  }

  /** The lines that are new, each once it has ended. None while there is no such file. */
  async read(nowMs: number): Promise<readonly Entry[]> {
    const file = await open(this.#path).catch(() => undefined)
    if (file === undefined) return []
    try {
      const { size } = await file.stat()
      // Somebody has emptied it.
      if (size < this.#position) this.#position = 0
      const { buffer, bytesRead } = await file.read({
        buffer: Buffer.alloc(size - this.#position),
        position: this.#position,
      })
      this.#position += bytesRead
      const lines = `${this.#begun}${this.#decoder.write(buffer.subarray(0, bytesRead))}`.split('\n')
      this.#begun = lines.pop() ?? ''
      return lines.filter((line) => line !== '').map((line) => this.#entryOf(line, nowMs))
    } finally {
      await file.close()
    }
  }

  #entryOf(line: string, receivedAtMs: number): Entry {
    this.#lines += 1
    const insertId = `${this.#name}-${this.#lines}`
    return entrySchema.parse(entryOfLine(line, { project: 'local', service: this.#name, insertId, receivedAtMs }))
  }
}
