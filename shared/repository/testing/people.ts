import type { Pool } from 'pg'
import { identifyMessage, parseMessage } from '../../contract/index.ts'
import { type IdentifyUser, PublisherValidationError, type PublishOptions, type Send } from '../../publisher/index.ts'
import type { RepositoryPublisher } from '../port.ts'

/** The application's own table, with columns that must never leave. */
export const USERS_SQL = `
  CREATE TABLE IF NOT EXISTS users (
    id bigint PRIMARY KEY, email text, given_name text, plan text, credit numeric, is_admin boolean,
    created_at timestamp, tags jsonb, password_hash text
  )`

export const MAPPING_YAML = `
table: public.users
never: [password_hash]
attributes:
  first_name: { column: given_name, type: string }
  plan: string
  credit: number
  is_admin: boolean
  created_at: timestamp
  tags: json
`

export async function insertUser(
  pool: Pool,
  id: number,
  values: { email?: string; name?: string } = {},
): Promise<void> {
  await pool.query(
    `INSERT INTO users VALUES ($1, $2, $3, 'free', 1.5, false, '2026-01-02 03:04:05', '["a"]', 'secret')`,
    [id, values.email ?? `user${id}@example.com`, values.name ?? `Name ${id}`],
  )
}

export type Published =
  | { readonly kind: 'identify'; readonly message: IdentifyUser; readonly options: PublishOptions | undefined }
  | { readonly kind: 'suppress' | 'delete'; readonly person: object; readonly options: PublishOptions | undefined }
  | { readonly kind: 'send'; readonly message: Send; readonly options: PublishOptions | undefined }

/** A publisher that keeps what it accepts, and can fail before or after it did. */
export class RecordingPublisher implements RepositoryPublisher {
  readonly published: Published[] = []
  /** Asked at each publish. `lost_answer`: accepted, but the caller sees an error. `invalid`: breaks the contract. */
  fault: () => 'none' | 'refused' | 'lost_answer' | 'invalid' = () => 'none'

  /** Awaited before each publish is accepted. */
  before: (() => Promise<unknown>) | undefined
  /** Refuses what breaks the contract, as the real one does. */
  check = false

  async #take(entry: Published): Promise<string> {
    await this.before?.()
    if (this.check && entry.kind === 'identify') {
      const body = Buffer.from(JSON.stringify({ ...entry.message, type: 'person', action: 'identify' }))
      const parsed = parseMessage(identifyMessage, body)
      if (!parsed.ok) throw new PublisherValidationError('identify', parsed.error)
    }
    const fault = this.fault()
    if (fault === 'invalid') throw new PublisherValidationError('identify', 'attributes: too many')
    if (fault !== 'refused') this.published.push(entry)
    if (fault !== 'none') throw new Error('no connection')
    return String(this.published.length)
  }

  identifyUser(message: IdentifyUser, options?: PublishOptions): Promise<string> {
    return this.#take({ kind: 'identify', message, options })
  }
  suppressUser(person: object, options?: PublishOptions): Promise<string> {
    return this.#take({ kind: 'suppress', person, options })
  }
  deleteUser(person: object, options?: PublishOptions): Promise<string> {
    return this.#take({ kind: 'delete', person, options })
  }
  sendTransactional(message: Send, options?: PublishOptions): Promise<string> {
    return this.#take({ kind: 'send', message, options })
  }

  /** Takes what was published since the last call. */
  take(): Published[] {
    return this.published.splice(0)
  }

  /** The attributes of the identify messages that `take` would give. */
  takeAttributes(): unknown[] {
    return this.take().map((entry) => (entry.kind === 'identify' ? entry.message.attributes : entry.kind))
  }
}
