import { type ChannelOptions, createChannel, fieldsOf, MessageWriter, STATUS } from '../google-api/index.ts'
import type { DocumentQuery, DocumentStore, DocumentWrite, FieldValue, StoredDocument, StoreTime } from './documents.ts'

export interface DirectDocumentsOptions extends ChannelOptions {
  readonly projectId: string
  /** Id of the named database. */
  readonly database: string
  readonly collection: string
}

const SERVICE = '/google.firestore.v1.Firestore'
/** As Google's client. The ledger waits for less; a write that it no longer waits for may still happen. */
const TIMEOUT_MS = 60_000
const REPEAT_COMMIT_AFTER = [STATUS.RESOURCE_EXHAUSTED, STATUS.UNAVAILABLE]
const REPEAT_READ_AFTER = [STATUS.DEADLINE_EXCEEDED, STATUS.INTERNAL, STATUS.UNAVAILABLE]

/**
 * Documents through gRPC alone, since Google's client takes more than half of a cold start. Numbers of fields are those of
 * google/firestore/v1: firestore.proto, write.proto, document.proto, query.proto, common.proto.
 */
export function createDirectDocuments(options: DirectDocumentsOptions): DocumentStore {
  const channel = createChannel(options)
  const database = `projects/${options.projectId}/databases/${options.database}`
  const parent = `${database}/documents`
  const nameOf = (id: string) => `${parent}/${options.collection}/${id}`

  function call(method: string, request: MessageWriter, repeatAfter: readonly number[]): Promise<Buffer[]> {
    return channel.call({
      path: `${SERVICE}/${method}`,
      request: request.finish(),
      timeoutMs: TIMEOUT_MS,
      repeatAfter,
      headers: {
        'google-cloud-resource-prefix': database,
        'x-goog-request-params': `database=${encodeURIComponent(database)}`,
      },
    })
  }

  return {
    async commit(writes) {
      const request = new MessageWriter().bytes(1, database)
      for (const write of writes) request.bytes(2, writeMessage(write, nameOf(write.id)))
      const [answer = Buffer.alloc(0)] = await call('Commit', request, REPEAT_COMMIT_AFTER)
      const response = fieldsOf(answer)
      const commitTime = response.find(({ number }) => number === 2)?.bytes
      return response
        .filter(({ number }) => number === 1)
        .map(({ bytes }) => timeOf(fieldsOf(bytes).find(({ number }) => number === 1)?.bytes ?? commitTime))
    },
    async get(id) {
      const request = new MessageWriter().bytes(1, database).bytes(2, nameOf(id))
      const [found] = documentsIn(await call('BatchGetDocuments', request, REPEAT_READ_AFTER), 1, 4)
      return found
    },
    async find(query) {
      const request = new MessageWriter().bytes(1, parent).bytes(2, queryMessage(query, options.collection))
      return documentsIn(await call('RunQuery', request, REPEAT_READ_AFTER), 1, 3)
    },
  }
}

function writeMessage(write: DocumentWrite, name: string): MessageWriter {
  if (write.kind === 'delete') return new MessageWriter().bytes(2, name)
  const document = new MessageWriter().bytes(1, name)
  const mask = new MessageWriter()
  const transforms: MessageWriter[] = []
  for (const [field, change] of write.fields) {
    // set_to_server_value = REQUEST_TIME
    if (change === 'request_time') transforms.push(new MessageWriter().bytes(1, field).integer(2, 1))
    else {
      mask.bytes(1, field)
      // In the mask alone, it is removed.
      if (change !== 'removed') document.bytes(2, new MessageWriter().bytes(1, field).bytes(2, valueMessage(change.to)))
    }
  }
  const message = new MessageWriter().bytes(1, document)
  if (write.kind === 'update') message.bytes(3, mask)
  for (const transform of transforms) message.bytes(7, transform)
  const condition = new MessageWriter()
  if (write.kind === 'create') condition.integer(1, 0)
  else condition.bytes(2, timeMessage(write.ifUpdatedAt))
  return message.bytes(4, condition)
}

/** `Value`. A number is an integer where it is one, as in Google's client. */
function valueMessage(value: FieldValue): MessageWriter {
  const message = new MessageWriter()
  if (value === null) return message.integer(11, 0)
  if (typeof value === 'string') return message.bytes(17, value)
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new RangeError('a ledger has no numbers but integers')
    return message.integer(2, value)
  }
  if ('nanos' in value) return message.bytes(10, timeMessage(value))
  const list = new MessageWriter()
  for (const each of value) list.bytes(1, valueMessage(each))
  return message.bytes(9, list)
}

function timeMessage({ seconds, nanos }: StoreTime): MessageWriter {
  return new MessageWriter().integer(1, seconds).integer(2, nanos)
}

function queryMessage({ field, op, value, limit }: DocumentQuery, collection: string): MessageWriter {
  const condition = new MessageWriter()
    .bytes(1, new MessageWriter().bytes(2, field))
    .integer(2, op === 'equals' ? 5 : 7)
    .bytes(3, valueMessage(value))
  return new MessageWriter()
    .bytes(2, new MessageWriter().bytes(2, collection))
    .bytes(3, new MessageWriter().bytes(2, condition))
    .bytes(5, new MessageWriter().integer(1, limit))
}

/** @param documentField number of the document in each message of the answer, which may have none @param timeField of `read_time` */
function documentsIn(answers: readonly Buffer[], documentField: number, timeField: number): StoredDocument[] {
  return answers.flatMap((answer) => {
    const fields = fieldsOf(answer)
    const document = fields.find(({ number }) => number === documentField)
    const readTime = fields.find(({ number }) => number === timeField)
    return document === undefined ? [] : [documentOf(document.bytes, timeOf(readTime?.bytes))]
  })
}

function documentOf(bytes: Buffer, readAt: StoreTime): StoredDocument {
  let name = ''
  let updatedAt: StoreTime | undefined
  const values: [string, unknown][] = []
  for (const field of fieldsOf(bytes)) {
    if (field.number === 1) name = field.bytes.toString()
    else if (field.number === 4) updatedAt = timeOf(field.bytes)
    else if (field.number === 2) {
      const entry = fieldsOf(field.bytes)
      const key = entry.find(({ number }) => number === 1)?.bytes.toString() ?? ''
      values.push([key, readValue(entry.find(({ number }) => number === 2)?.bytes)])
    }
  }
  if (updatedAt === undefined) throw new RangeError('a document without its update time')
  return { id: name.slice(name.lastIndexOf('/') + 1), fields: Object.fromEntries(values), updatedAt, readAt }
}

/** What the ledger does not write is undefined here, and then no record of the ledger's. */
function readValue(bytes: Buffer | undefined): unknown {
  const [value] = bytes === undefined ? [] : fieldsOf(bytes)
  switch (value?.number) {
    case 2:
      return Number(value.integer)
    case 3:
      return value.bytes.readDoubleLE()
    case 9:
      return fieldsOf(value.bytes).map((each) => readValue(each.bytes))
    case 10:
      return timeOf(value.bytes)
    case 11:
      return null
    case 17:
      return value.bytes.toString()
    default:
      return undefined
  }
}

function timeOf(bytes: Buffer | undefined): StoreTime {
  if (bytes === undefined) throw new RangeError('an answer without its time')
  const fields = fieldsOf(bytes)
  const of = (number: number) => Number(fields.find((field) => field.number === number)?.integer ?? 0n)
  return { seconds: of(1), nanos: of(2) }
}
