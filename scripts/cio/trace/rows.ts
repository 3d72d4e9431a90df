import type { BigQuery } from '@google-cloud/bigquery'
import { z } from 'zod'
import type { Entry } from './entry.ts'

/** What is looked for in the record. */
export interface RecordTies {
  readonly messageIds: readonly string[]
  readonly keyHashes: readonly string[]
  readonly deliveryIds: readonly string[]
}

/** Longest list that one query is asked with: BigQuery takes 10 MB of parameters. */
const MOST_IDS = 20_000

const COLUMNS_OF_OUTCOMES = [
  ...['publish_time', 'ended_at', 'function', 'topic', 'message_id', 'source_message_id', 'attempt', 'outcome'],
  ...[
    'reason',
    'cause',
    'http_status',
    'note',
    'action',
    'event_name',
    'channel',
    'template',
    'send_at',
    'queue_draft',
    'key_hash',
  ],
  ...['delivery_id', 'batch_size', 'batch_position', 'queue_wait_ms', 'request_ms'],
]
const COLUMNS_OF_EVENTS = [
  ...['event_id', 'timestamp', 'received_at', 'object_type', 'metric', 'delivery_id', 'failure_message'],
  ...['campaign_id', 'campaign_name', 'broadcast_id', 'broadcast_name', 'newsletter_id', 'transactional_message_id'],
  ...['proxied', 'prefetched', 'synthetic', 'machine'],
]
/** Where a webhook names a person. The kind stands before the name, so that an id never equals an address. */
const NAMES_IN_EVENTS = [
  ['id', 'person_id'],
  ['email', 'LOWER(person_email)'],
  ['cio_id', 'person_cio_id'],
  ['phone', 'person_phone'],
  ['email', 'LOWER(recipient)'],
  ['email', "LOWER(REGEXP_EXTRACT(recipient, r'<([^<>]*)>'))"],
  ['phone', 'recipient'],
] as const

interface Statement {
  readonly sql: string
  readonly lists: Readonly<Record<string, readonly string[]>>
}

/** The tables `message_outcomes` and `webhook_events`, of the days since a moment. */
export class TraceRows {
  readonly #bigquery: BigQuery
  readonly #dataset: string
  readonly #since: Date

  /** @param sinceMs milliseconds since 1970; nothing of before is read */
  constructor(bigquery: BigQuery, dataset: string, sinceMs: number) {
    this.#bigquery = bigquery
    this.#dataset = dataset
    this.#since = new Date(sinceMs)
  }

  /** What the record has of these messages, keys and deliveries. */
  async outcomes(ties: RecordTies): Promise<readonly Entry[]> {
    return (await this.#query(this.#ofOutcomes(ties), outcomeSchema)).flatMap(entriesOfOutcome)
  }

  /** Ids of the newest messages about a person, by the hashes of any of their names. */
  async messagesOf(hashes: readonly string[], limit: number): Promise<readonly string[]> {
    const rows = await this.#query(this.#ofMessages(hashes, limit), z.object({ message_id: z.string() }))
    return rows.map(({ message_id: id }) => id)
  }

  /** What came back about these deliveries. */
  async events(deliveryIds: readonly string[]): Promise<readonly Entry[]> {
    return (await this.#query(this.#ofEvents(deliveryIds), eventSchema)).map(entryOfEvent)
  }

  /** Ids of the newest deliveries to a person. @param hashes those that `hashesInRows` gives */
  async deliveriesOf(hashes: readonly string[], limit: number): Promise<readonly string[]> {
    const rows = await this.#query(this.#ofDeliveries(hashes, limit), z.object({ delivery_id: z.string() }))
    return rows.map(({ delivery_id: id }) => id)
  }

  /** Bytes that these will read at most, by dry runs, which read nothing. A clustered table may be read in part only. */
  async bytes(of: 'message' | 'person'): Promise<number> {
    const one = ['?']
    const statements = [
      this.#ofOutcomes({ messageIds: one, keyHashes: one, deliveryIds: one }),
      this.#ofEvents(one),
      ...(of === 'person' ? [this.#ofMessages(one, 1), this.#ofDeliveries(one, 1)] : []),
    ]
    const read = await Promise.all(
      statements.map(async ({ sql, lists }) => {
        const [job] = await this.#bigquery.createQueryJob({ query: sql, ...this.#parameters(lists), dryRun: true })
        return z.coerce.number().parse(job.metadata.statistics?.totalBytesProcessed)
      }),
    )
    return read.reduce((sum, bytes) => sum + bytes, 0)
  }

  #ofOutcomes({ messageIds, keyHashes, deliveryIds }: RecordTies): Statement {
    const conditions = [
      ...(messageIds.length > 0
        ? ['message_id IN UNNEST(@message_ids)', 'source_message_id IN UNNEST(@message_ids)']
        : []),
      ...(keyHashes.length > 0 ? ['key_hash IN UNNEST(@key_hashes)'] : []),
      ...(deliveryIds.length > 0 ? ['delivery_id IN UNNEST(@delivery_ids)'] : []),
    ]
    const sql = `SELECT ${COLUMNS_OF_OUTCOMES.join(', ')} FROM ${this.#path('message_outcomes')}
      WHERE publish_time >= @since AND (${conditions.join(' OR ') || 'FALSE'})`
    return { sql, lists: { message_ids: messageIds, key_hashes: keyHashes, delivery_ids: deliveryIds } }
  }

  #ofMessages(hashes: readonly string[], limit: number): Statement {
    const conditions = hashes.map((_, index) => `@person_${index} IN UNNEST(persons)`)
    const sql = `SELECT message_id FROM ${this.#path('message_outcomes')}
      WHERE publish_time >= @since AND message_id IS NOT NULL AND (${conditions.join(' OR ') || 'FALSE'})
      GROUP BY message_id ORDER BY MAX(publish_time) DESC LIMIT ${limit}`
    return { sql, lists: Object.fromEntries(hashes.map((hash, index) => [`person_${index}`, [hash]])) }
  }

  #ofEvents(deliveryIds: readonly string[]): Statement {
    const sql = `SELECT ${COLUMNS_OF_EVENTS.join(', ')} FROM ${this.#path('webhook_events')}
      WHERE timestamp >= @since AND delivery_id IN UNNEST(@delivery_ids)`
    return { sql, lists: { delivery_ids: deliveryIds } }
  }

  /** By hashes, since BigQuery keeps the parameters of each query for half a year, for everybody who may list jobs. */
  #ofDeliveries(hashes: readonly string[], limit: number): Statement {
    const conditions = NAMES_IN_EVENTS.map(
      ([kind, sql]) => `TO_HEX(SHA256(CONCAT('${kind}:', ${sql}))) IN UNNEST(@hashes)`,
    )
    const sql = `SELECT delivery_id FROM ${this.#path('webhook_events')}
      WHERE timestamp >= @since AND delivery_id IS NOT NULL AND (${conditions.join(' OR ')})
      GROUP BY delivery_id ORDER BY MAX(timestamp) DESC LIMIT ${limit}`
    return { sql, lists: { hashes } }
  }

  async #query<T>({ sql, lists }: Statement, schema: z.ZodType<T>): Promise<readonly T[]> {
    const asked = Object.values(lists)
    if (asked.every((list) => list.length === 0)) return []
    if (asked.some((list) => list.length > MOST_IDS)) throw new RangeError(`more than ${MOST_IDS} ids in one query`)
    const [rows] = await this.#bigquery.query({ query: sql, ...this.#parameters(lists) })
    return z.array(schema).parse(rows)
  }

  /** A list that is empty is not named in the query. One hash of a person is no list. */
  #parameters(lists: Statement['lists']) {
    const params: Record<string, unknown> = { since: this.#bigquery.timestamp(this.#since) }
    for (const [name, list] of Object.entries(lists)) {
      if (list.length > 0) params[name] = name.startsWith('person_') ? list[0] : [...list]
    }
    return { params }
  }

  #path(table: string): string {
    return `\`${this.#bigquery.projectId}.${this.#dataset}.${table}\``
  }
}

const ms = z.object({ value: z.string() }).transform(({ value }) => Date.parse(value))
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined)
const number = z.coerce
  .number()
  .nullish()
  .transform((value) => value ?? undefined)
const isTrue = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false)

const outcomeSchema = z.object({
  ...{ publish_time: ms, ended_at: ms, function: z.string(), topic: text, message_id: text, source_message_id: text },
  ...{ attempt: number, outcome: z.string(), reason: text, cause: text, http_status: number, note: text },
  ...{ action: text, event_name: text, channel: text, template: text, key_hash: text, delivery_id: text },
  ...{ batch_size: number, batch_position: number, queue_wait_ms: number, request_ms: number },
  ...{ send_at: ms.nullish(), queue_draft: isTrue },
})
const eventSchema = z.object({
  ...{ event_id: z.string(), timestamp: ms, received_at: ms, object_type: text, metric: text, delivery_id: text },
  ...{ failure_message: text, campaign_id: number, campaign_name: text, broadcast_id: number, broadcast_name: text },
  ...{ newsletter_id: number, transactional_message_id: number },
  ...{ proxied: isTrue, prefetched: isTrue, synthetic: isTrue, machine: isTrue },
})

/** The name under which the command line writes into the record. */
const OPERATORS = 'cio-gcp'

function entriesOfOutcome(row: z.output<typeof outcomeSchema>): readonly Entry[] {
  const messageIds = [row.message_id, row.source_message_id].filter((id) => id !== undefined)
  const ties = { messageIds, keyHash: row.key_hash, deliveryId: row.delivery_id }
  if (row.function === OPERATORS) {
    const fact = { kind: 'decided', what: row.outcome } as const
    return [{ atMs: row.ended_at, ...ties, topic: row.topic, fact }]
  }
  const about = {
    topic: row.topic,
    channel: row.channel,
    what: [row.action, row.event_name].filter((part) => part !== undefined).join(' ') || undefined,
    template: row.template,
  }
  const { batch_size: size } = row
  return [
    { atMs: row.publish_time, ...ties, ...about, deliveryId: undefined, fact: { kind: 'published' } },
    {
      ...{ atMs: row.ended_at, ...ties, ...about },
      fact: {
        kind: 'attempted',
        ...{ attempt: row.attempt, outcome: row.outcome, reason: row.reason, cause: row.cause, note: row.note },
        httpStatus: row.http_status,
        batch: size === undefined ? undefined : { size, position: row.batch_position },
        ...{ queueMs: row.queue_wait_ms, requestMs: row.request_ms },
        held: heldIn(row),
      },
    },
  ]
}

/** What is due by the time that it is accepted is not held. */
function heldIn({ queue_draft: isDraft, send_at: dueMs, ended_at: endedMs }: z.output<typeof outcomeSchema>) {
  if (isDraft) return 'as_draft'
  return dueMs && dueMs > endedMs ? dueMs : undefined
}

function entryOfEvent(row: z.output<typeof eventSchema>): Entry {
  return {
    ...{ atMs: row.timestamp, deliveryId: row.delivery_id, channel: row.object_type, origin: originOf(row) },
    template: row.transactional_message_id === undefined ? undefined : String(row.transactional_message_id),
    fact: {
      ...{ kind: 'came_back', eventId: row.event_id, metric: row.metric ?? 'something', failure: row.failure_message },
      ...{ byMachine: row.proxied || row.prefetched || row.synthetic || row.machine, receivedAtMs: row.received_at },
    },
  }
}

function originOf(row: z.output<typeof eventSchema>): string | undefined {
  const named = (kind: string, id: number | undefined, name: string | undefined) =>
    id === undefined ? [] : [`${kind} ${id}${name === undefined ? '' : `, ${name}`}`]
  const [origin] = [
    ...named('campaign', row.campaign_id, row.campaign_name),
    ...named('broadcast', row.broadcast_id, row.broadcast_name),
    ...named('newsletter', row.newsletter_id, undefined),
  ]
  return origin
}
