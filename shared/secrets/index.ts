import { readFile as readFileFromDisk } from 'node:fs/promises'
import { type Clock, sleep } from '../clock/index.ts'
import { codeOf } from '../errors/index.ts'
import type { Log } from '../logging/index.ts'

/** Where a secret comes from: a literal (local use) or a file that Secret Manager mounts. Neither: not configured. */
export interface SecretSource {
  /** The variable's name, which is all that logs and errors ever show. */
  readonly name: string
  readonly value?: string
  readonly file?: string
}

/**
 * What a read came to. `limited`: nothing was read, since the value is younger than `minRefreshIntervalMs`.
 * `failed`: the file could not be read, now or a moment ago, and the last value stays.
 */
export type RefreshResult = 'changed' | 'unchanged' | 'limited' | 'failed'

export interface Secret {
  readonly name: string
  /**
   * The value, without its final newline; `undefined` when it is not configured (empty, or the word `unset`) or was
   * never readable. Reads the file when the value is older than `maxAgeMs`. Never throws.
   */
  current(): Promise<string | undefined>
  /**
   * Reads now, after a 401 or a signature that no key explains. At most one read in `minRefreshIntervalMs`; a caller
   * that can wait up to `waitUpToMs` for its turn gets a read that began after it asked, shared with all who wait.
   * `changed` is relative to the read before: who may have used an older value compares `current()` with what it used.
   */
  refresh(waitUpToMs?: number): Promise<RefreshResult>
  /** How long ago the value was read, in milliseconds: Infinity when it never was, 0 for a literal. */
  ageMs(): number
}

interface SecretOptions extends SecretSource {
  readonly log: Pick<Log, 'warning'>
  readonly clock: Clock
  /** From the disk by default. */
  readonly readFile?: (path: string) => Promise<string>
  readonly maxAgeMs?: number
  readonly minRefreshIntervalMs?: number
  /** A read of the mount is a fetch over the network: one that takes longer counts as failed. */
  readonly readTimeoutMs?: number
}

const UNSET = 'unset'

/** How long a read of a mounted secret may hold up whoever needs it. */
export const SECRET_READ_TIMEOUT_MS = 2_000

/**
 * The timeout of a read is waited for in this many parts, so that a read gets at least as many turns of the event loop,
 * and a file takes several. The CPU is throttled between requests, and a burst keeps it busy: a single timer would then
 * fire before a read that has long been answered had its turns.
 */
const TURNS_PER_READ = 10

/**
 * A secret that can change while the process runs. A mounted file gives no sign of change and each read of it is a
 * fetch that can fail, so it is read on first use, when older than a minute, and when a caller has reason to doubt it.
 */
export function createSecret(options: SecretOptions): Secret {
  const { name, value, file } = options
  if (file !== undefined) return new FileSecret({ ...options, file })
  const literal = Promise.resolve(meaning(value ?? ''))
  return { name, current: () => literal, refresh: async () => 'unchanged', ageMs: () => 0 }
}

function meaning(content: string): string | undefined {
  const value = content.replace(/(?<![\r\n])[\r\n]+$/, '')
  return value === '' || value === UNSET ? undefined : value
}

class FileSecret implements Secret {
  readonly name: string
  readonly #options: Required<Omit<SecretOptions, 'value'>>
  #value: string | undefined
  #readAt = Number.NEGATIVE_INFINITY
  #attemptAt = Number.NEGATIVE_INFINITY
  /** A read that hangs holds a thread of the process, so there is never a second one beside it. */
  #reading: Promise<RefreshResult> | undefined
  #overdue = false
  #lastFailed = false
  #queued: Promise<RefreshResult> | undefined

  constructor(options: SecretOptions & { readonly file: string }) {
    this.name = options.name
    this.#options = {
      readFile: (path) => readFileFromDisk(path, 'utf8'),
      maxAgeMs: 60_000,
      minRefreshIntervalMs: 1_000,
      readTimeoutMs: SECRET_READ_TIMEOUT_MS,
      ...options,
    }
  }

  async current(): Promise<string | undefined> {
    // After a failure the last value serves, and the next try waits its turn: a slow outage must not slow every request.
    if (this.#since(this.#readAt) > this.#options.maxAgeMs) await this.refresh()
    return this.#value
  }

  ageMs(): number {
    return this.#since(this.#readAt)
  }

  async refresh(waitUpToMs = 0): Promise<RefreshResult> {
    const { clock, minRefreshIntervalMs } = this.#options
    const waitMs = minRefreshIntervalMs - this.#since(this.#attemptAt)
    if (waitMs <= 0) return this.#read()
    if (waitMs <= waitUpToMs) {
      this.#queued ??= sleep(clock, waitMs).then(() => {
        this.#queued = undefined
        return this.#read()
      })
      return this.#queued
    }
    if (this.#reading !== undefined) return this.#inTime(this.#reading)
    return this.#lastFailed ? 'failed' : 'limited'
  }

  #read(): Promise<RefreshResult> {
    if (this.#reading === undefined) {
      const startedAt = this.#options.clock.now()
      this.#attemptAt = startedAt
      this.#reading = this.#readFile(startedAt).finally(() => {
        this.#reading = undefined
        this.#overdue = false
      })
    }
    return this.#inTime(this.#reading)
  }

  async #readFile(startedAt: number): Promise<RefreshResult> {
    try {
      const value = meaning(await this.#options.readFile(this.#options.file))
      const result = value === this.#value ? 'unchanged' : 'changed'
      this.#value = value
      this.#readAt = startedAt
      this.#lastFailed = false
      return result
    } catch (error) {
      this.#lastFailed = true
      this.#warn(String(codeOf(error) ?? 'unreadable'))
      return 'failed'
    }
  }

  /** Only the first to meet a hanging read waits for it: those who come later would only be slower for it. */
  #inTime(reading: Promise<RefreshResult>): Promise<RefreshResult> {
    if (this.#overdue) return Promise.resolve('failed')
    return new Promise((resolve) => {
      const { clock, readTimeoutMs } = this.#options
      let turns = TURNS_PER_READ
      const wait = () => clock.after(readTimeoutMs / TURNS_PER_READ, onTurn)
      const onTurn = () => {
        turns -= 1
        if (turns > 0) {
          cancel = wait()
          return
        }
        if (!this.#overdue) this.#warn('timeout')
        this.#overdue = true
        resolve('failed')
      }
      let cancel = wait()
      reading.then((result) => {
        cancel()
        resolve(result)
      })
    })
  }

  /** Milliseconds since then. A clock that was set back tells nothing: it counts as long ago, so that a read is due. */
  #since(thenMs: number): number {
    const ms = this.#options.clock.now() - thenMs
    return ms >= 0 ? ms : Number.POSITIVE_INFINITY
  }

  /** The system's code (`ENOENT`) and nothing else: a message could show what was read. */
  #warn(error: string): void {
    const message = 'a secret could not be read; its last value stays in use'
    this.#options.log.warning(message, { event: 'secret_read_failed', secret: this.name, error })
  }
}
