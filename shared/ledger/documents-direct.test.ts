import { promisify } from 'node:util'
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import { firestoreService } from '../../scripts/emulators/firestore/protocol.ts'
import { systemClock } from '../clock/index.ts'
import { endpointsOf } from '../google-api/index.ts'
import type { DocumentStore } from './documents.ts'
import { createDirectDocuments } from './documents-direct.ts'
import { createSendLedger } from './firestore.ts'
import type { SendLedger } from './record.ts'

/** A server that gives answers which Firestore may give and the emulators do not, in the encoding of Google's definition. */
type Asked = { readonly method: string; readonly metadata: Record<string, unknown> }
type Next = { readonly code: number } | object

let server: Server
let documents: DocumentStore
let ledger: SendLedger
let asked: Asked[]
let answers: Next[]

beforeAll(async () => {
  server = new Server()
  const take = (
    method: string,
    { metadata }: ServerUnaryCall<unknown, unknown> | ServerWritableStream<unknown, unknown>,
  ) => {
    asked.push({ method, metadata: metadata.getMap() })
    return answers.shift() ?? { code: status.UNIMPLEMENTED }
  }
  const stream = (method: string) => (call: ServerWritableStream<unknown, unknown>) => {
    const answer = take(method, call)
    if ('code' in answer) call.emit('error', answer)
    else {
      call.write(answer)
      call.end()
    }
  }
  server.addService(firestoreService(), {
    Commit: (call: ServerUnaryCall<unknown, unknown>, done: sendUnaryData<unknown>) => {
      const answer = take('Commit', call)
      if ('code' in answer) done(answer)
      else done(null, answer)
    },
    BatchGetDocuments: stream('BatchGetDocuments'),
    RunQuery: stream('RunQuery'),
  })
  const port = await promisify(server.bindAsync.bind(server))('127.0.0.1:0', ServerCredentials.createInsecure())
  const options = {
    endpoint: endpointsOf({ FIRESTORE_EMULATOR_HOST: `127.0.0.1:${port}` }).firestore,
    ...{ projectId: 'project', database: 'send-ledger', collection: 'sends', clock: systemClock, random: () => 0 },
  }
  documents = createDirectDocuments(options)
  ledger = createSendLedger(options)
})
afterAll(() => server.forceShutdown())
beforeEach(() => {
  asked = []
  answers = []
})

const NAME = 'projects/project/databases/send-ledger/documents/sends/a1'
const READ = { seconds: 9 }
const document = { name: NAME, updateTime: { seconds: 8, nanos: 7 }, createTime: { seconds: 1 } }
const update = { kind: 'update', id: 'a1', fields: [], ifUpdatedAt: { seconds: 1, nanos: 2 } } as const

it('names its database, by which Google routes the call', async () => {
  answers = [{ missing: NAME, readTime: READ }]
  expect(await documents.get('a1')).toBeUndefined()
  expect(asked).toMatchObject([
    {
      method: 'BatchGetDocuments',
      metadata: {
        'google-cloud-resource-prefix': 'projects/project/databases/send-ledger',
        'x-goog-request-params': 'database=projects%2Fproject%2Fdatabases%2Fsend-ledger',
      },
    },
  ])
})

it('gives the time of each document that it wrote, and that of the commit where it has none of its own', async () => {
  answers = [{ writeResults: [{ updateTime: { seconds: 5, nanos: 6 } }, {}], commitTime: { seconds: 7, nanos: 8 } }]
  expect(await documents.commit([update, { kind: 'delete', id: 'a2' }])).toEqual([
    { seconds: 5, nanos: 6 },
    { seconds: 7, nanos: 8 },
  ])
})

it('reads a time of whole seconds, which has no nanoseconds, and whatever value a field has', async () => {
  const fields = {
    whole: { integerValue: '-5' },
    part: { doubleValue: 1.5 },
    place: { geoPointValue: { latitude: 1, longitude: 2 } },
    nothing: {},
  }
  answers = [{ found: { ...document, fields }, readTime: READ }]
  expect(await documents.get('a1')).toEqual({
    id: 'a1',
    fields: { whole: -5, part: 1.5, place: undefined, nothing: undefined },
    updatedAt: { seconds: 8, nanos: 7 },
    readAt: { seconds: 9, nanos: 0 },
  })
})

it.each([
  ['a document', 'get', { found: { name: NAME }, readTime: READ }, 'a document without its update time'],
  ['a document that was found', 'get', { found: document }, 'an answer without its time'],
  ['a write', 'commit', { writeResults: [{}] }, 'an answer without its time'],
] as const)(
  'takes no answer without a time, by which a later write is refused: of %s',
  async (_, call, answer, error) => {
    answers = [answer]
    await expect(call === 'get' ? documents.get('a1') : documents.commit([update])).rejects.toThrow(error)
  },
)

it.each([
  [status.UNAVAILABLE, 2, 2],
  [status.RESOURCE_EXHAUSTED, 1, 2],
  [status.INTERNAL, 2, 1],
  [status.DEADLINE_EXCEEDED, 2, 1],
  [status.PERMISSION_DENIED, 1, 1],
])(
  'after code %d a read is made %d times, a commit %d: one that may have been done is not repeated',
  async (code, reads, commits) => {
    for (const [work, times] of [
      [() => documents.get('a1'), reads],
      [() => documents.find({ field: 'persons', op: 'contains', value: 'ann', limit: 1 }), reads],
      [() => documents.commit([update]), commits],
    ] as const) {
      asked = []
      answers = [{ code }, { code: status.UNIMPLEMENTED }]
      await expect(work()).rejects.toMatchObject({ code: times === 1 ? code : status.UNIMPLEMENTED })
      expect(asked).toHaveLength(times)
    }
  },
)

it('writes no number that Firestore would keep as another one', async () => {
  const fields = [['lease_ms', { to: 0.5 }]] as const
  await expect(documents.commit([{ kind: 'create', id: 'a1', fields }])).rejects.toThrow('no numbers but integers')
  expect(asked).toEqual([])
})

describe('a record that the TTL policy deletes meanwhile', () => {
  it('is one that another has changed', async () => {
    answers = [{ code: status.NOT_FOUND }]
    expect(await ledger.update('a1', '1:2', { owner: 'me', state: 'released' })).toEqual({ kind: 'other' })
  })

  it('has nothing left to erase', async () => {
    const persons = { arrayValue: { values: [{ stringValue: 'ann' }, { stringValue: 'bob' }] } }
    const found = { document: { ...document, fields: { persons } }, readTime: READ }
    answers = [found, { code: status.NOT_FOUND }, { readTime: READ }]
    expect(await ledger.erase([{ version: 2, hash: 'ann' }])).toBe(0)
    expect(asked.map(({ method }) => method)).toEqual(['RunQuery', 'Commit', 'RunQuery'])
  })
})
