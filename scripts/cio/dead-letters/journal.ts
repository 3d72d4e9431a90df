import { appendFileSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { z } from 'zod'

/**
 * What a replay records as it goes, so that the next run can resume after a kill: one JSON value per line, appended
 * before or right after the fact. It holds ids only.
 */
const entrySchema = z.union([
  /** A run begins, in the process of this number. */
  z.strictObject({ run: z.number(), at: z.number() }),
  /** A pull has begun. If we die, what it returns is delivered again after the ack deadline. */
  z.strictObject({ pull: z.literal('begun'), at: z.number() }),
  z.strictObject({ pulled: z.array(z.tuple([z.string(), z.string()])) }),
  /** Pub/Sub has accepted the replay of this dead letter. */
  z.strictObject({ replayed: z.string() }),
  /** Everything of this scope is replayed and acknowledged: only what it was read with is left to remove. */
  z.strictObject({ finished: z.string() }),
])
type Entry = z.infer<typeof entrySchema>

/** What a killed run left. */
export interface LeftOver {
  /** Dead letters whose replay was accepted: acknowledge them, never replay them again. */
  readonly replayed: ReadonlySet<string>
  /** Ack ids of the dead letters that it held, by their ids. */
  readonly held: ReadonlyMap<string, string>
  /** When a pull began whose answer was never recorded, in milliseconds; undefined when none is open. */
  readonly openPullAtMs: number | undefined
  /** Number of its process. */
  readonly process: number | undefined
  /** When each of its runs began, in milliseconds since 1970. */
  readonly begunAtMs: readonly number[]
  /** The scope of which nothing is left to replay, if it was killed after that. */
  readonly finished: string | undefined
}

export class Journal {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  /** Undefined when the last run came to its end. */
  read(): LeftOver | undefined {
    if (!existsSync(this.path)) return undefined
    const replayed = new Set<string>()
    const held = new Map<string, string>()
    let openPullAtMs: number | undefined
    let process: number | undefined
    const begunAtMs: number[] = []
    let finished: string | undefined
    for (const line of readFileSync(this.path, 'utf8').split('\n')) {
      const entry = parse(line)
      if (entry === undefined) continue
      if ('run' in entry) {
        process = entry.run
        begunAtMs.push(entry.at)
      } else if ('pull' in entry) openPullAtMs = entry.at
      else if ('replayed' in entry) replayed.add(entry.replayed)
      else if ('finished' in entry) finished = entry.finished
      else {
        openPullAtMs = undefined
        for (const [id, ackId] of entry.pulled) held.set(id, ackId)
      }
    }
    return { replayed, held, openPullAtMs, process, begunAtMs, finished }
  }

  begin(process: number, atMs: number): void {
    // On a line of its own, whatever the run before was writing when it was killed.
    appendFileSync(this.path, '\n', { mode: 0o600 })
    this.#append({ run: process, at: atMs })
  }

  pullBegins(atMs: number): void {
    this.#append({ pull: 'begun', at: atMs })
  }

  pulled(deadLetters: readonly { readonly messageId: string; readonly ackId: string }[]): void {
    this.#append({ pulled: deadLetters.map(({ messageId, ackId }) => [messageId, ackId]) })
  }

  replayed(messageId: string): void {
    this.#append({ replayed: messageId })
  }

  finished(scope: string): void {
    this.#append({ finished: scope })
  }

  /** Nothing is held any more, and everything that was replayed is acknowledged. */
  end(): void {
    rmSync(this.path, { force: true })
  }

  #append(entry: Entry): void {
    appendFileSync(this.path, `${JSON.stringify(entry)}\n`, { mode: 0o600 })
  }
}

/** Undefined for the line that was being written when the process was killed. */
function parse(line: string): Entry | undefined {
  try {
    const parsed = entrySchema.safeParse(JSON.parse(line))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined
  }
}
