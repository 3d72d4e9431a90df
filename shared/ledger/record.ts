import type { PersonHash, RecordHashes } from './hashes.ts'

/**
 * What the ledger knows of one key.
 *
 * claimed    a worker may be sending right now
 * sent       Customer.io has it
 * refused    Customer.io refused the content
 * released   certainly not sent
 * uncertain  sent or not, nobody knows
 */
export const SEND_STATES = ['claimed', 'sent', 'refused', 'released', 'uncertain'] as const
export type SendState = (typeof SEND_STATES)[number]

/** One record. Nothing in it names a person: key, person and content are hashes. */
export interface SendRecord {
  readonly state: SendState
  /** Token of the attempt that wrote last: finds out whether a write whose answer was lost was ours. */
  readonly owner: string
  /** How long a claim holds, from the moment at which the store wrote it. */
  readonly leaseMs: number
  readonly hashes: RecordHashes
  readonly channel: string
  readonly template: string | null
  /** Start of the first hold that may have sent, by the store's clock. */
  readonly claimedAtMs: number
  readonly deliveryId: string | null
  /** When a person last decided about it, by the store's clock: what it sent before may be a delivery that it does not hold. */
  readonly settledAtMs?: number
  /** After this the record counts as gone, deleted or not. */
  readonly expiresAtMs: number
}

/** A record to be written; `request_time` becomes the time at which the store got the request. */
export type NewSendRecord = Omit<SendRecord, 'claimedAtMs' | 'settledAtMs'> & {
  readonly claimedAtMs: 'request_time'
  readonly settledAtMs?: 'request_time'
}

/** What is to change in a record; the rest stays as it is. */
export type SendRecordChange = Partial<NewSendRecord> & Pick<SendRecord, 'owner' | 'state'>

/** What became of a conditional write; `other`: the record was not as the condition demands. */
export type Written = { readonly kind: 'written'; readonly version: string } | { readonly kind: 'other' }

/** A record as it was read, with the store's own times: no decision compares the clocks of two machines. */
export interface StoredRecord extends SendRecord {
  readonly id: string
  /** Changes with every write; what `update` is fenced with. */
  readonly version: string
  readonly updatedAtMs: number
  readonly readAtMs: number
}

/** Beyond it a look-up takes too long. */
export const MOST_RECORDS_OF_A_PERSON = 200

/**
 * A store of records with conditional writes, which are all that the guarantee rests on. Every method may throw when the
 * store cannot be reached; a write that threw may have happened.
 */
export interface SendLedger {
  /** Writes the record if there is none. When an answer was lost and the store asked again, `other` may be our own write. */
  create(id: string, record: NewSendRecord): Promise<Written>
  /** Changes the record if nobody has written it since `version`. The same goes for lost answers. */
  update(id: string, version: string, change: SendRecordChange): Promise<Written>
  read(id: string): Promise<StoredRecord | undefined>
  /**
   * The records of these persons but this one, those of each person as they were at one moment; undefined when somebody
   * has more than {@link MOST_RECORDS_OF_A_PERSON}.
   */
  others(persons: readonly PersonHash[], exceptId: string): Promise<readonly StoredRecord[] | undefined>
  /** Which of these deliveries a record holds. */
  held(deliveryIds: readonly string[]): Promise<ReadonlySet<string>>
  /**
   * Takes these hashes of one person out of every record, and deletes the records that are about nobody else. Gives the
   * number of records.
   */
  erase(person: readonly PersonHash[]): Promise<number>
}
