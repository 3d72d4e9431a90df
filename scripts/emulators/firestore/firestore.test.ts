import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type CollectionReference,
  type DocumentReference,
  FieldValue,
  Firestore,
  Timestamp,
} from '@google-cloud/firestore'
import { Client, credentials } from '@grpc/grpc-js'
import { type FirestoreFault, type FirestoreOptions, type FirestoreServer, startFirestore } from './index.ts'
import { firestoreService } from './protocol.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function start(options: Partial<FirestoreOptions> = {}): Promise<FirestoreServer> {
  const server = await startFirestore({ port: 0, ...options })
  closing.push(() => server.close())
  return server
}

function clientOf(server: FirestoreServer): Firestore {
  const firestore = databaseOf(server, 'ledger')
  closing.push(() => firestore.terminate())
  return firestore
}

function databaseOf({ port }: FirestoreServer, databaseId: string): Firestore {
  return new Firestore({ projectId: 'project', databaseId, servicePath: '127.0.0.1', port, ssl: false })
}

const fieldsOf = async (reference: DocumentReference): Promise<unknown> => (await reference.get()).data()

describe('the embedded Firestore, to the real client', () => {
  // A stopped clock: what must differ has to differ all the same.
  const nowMs = 1_700_000_000_000
  let server: FirestoreServer
  let firestore: Firestore
  let sends: CollectionReference
  beforeAll(async () => {
    server = await startFirestore({ port: 0, now: () => nowMs })
    firestore = databaseOf(server, 'ledger')
  })
  beforeEach(() => {
    sends = firestore.collection(`sends-${randomUUID()}`)
  })
  afterAll(async () => {
    await firestore.terminate()
    await server.close()
  })

  it('is found through FIRESTORE_EMULATOR_HOST', async () => {
    process.env.FIRESTORE_EMULATOR_HOST = server.host
    const found = new Firestore({ projectId: 'project', databaseId: 'ledger' })
    delete process.env.FIRESTORE_EMULATOR_HOST
    closing.push(() => found.terminate())
    await found.doc(sends.doc('a').path).create({ n: 1 })
    expect(await fieldsOf(sends.doc('a'))).toEqual({ n: 1 })
  })

  it('keeps every kind of value as it is', async () => {
    const values = {
      text: 'ü',
      whole: 9_007_199_254_740_991,
      part: 1.5,
      yes: true,
      nothing: null,
      time: new Timestamp(1_700_000_000, 123_456_000),
      list: [1, 'two'],
      map: { deep: { er: 1 } },
      bytes: Buffer.from('bytes'),
    }
    await sends.doc('values').set(values)
    expect(await fieldsOf(sends.doc('values'))).toEqual(values)
    await sends.doc('empty').set({})
    expect(await fieldsOf(sends.doc('empty'))).toEqual({})
  })

  it('keeps databases, collections and subcollections apart', async () => {
    const other = databaseOf(server, 'another')
    closing.push(() => other.terminate())
    await sends.doc('a').set({ n: 1 })
    await sends.doc('a').collection('history').doc('b').set({ n: 2 })
    expect((await other.doc(sends.doc('a').path).get()).exists).toBe(false)
    expect((await other.collection(sends.path).get()).empty).toBe(true)
    expect((await sends.get()).docs.map(({ id }) => id)).toEqual(['a'])
  })

  it('replaces, merges, removes fields and deletes', async () => {
    const document = sends.doc('a')
    await document.set({ a: 1, b: 2 })
    await document.set({ c: 3 }, { merge: true })
    await document.update({ a: FieldValue.delete() })
    expect(await fieldsOf(document)).toEqual({ b: 2, c: 3 })
    await document.set({ d: 4 })
    expect(await fieldsOf(document)).toEqual({ d: 4 })
    await document.delete()
    expect((await document.get()).exists).toBe(false)
  })

  it('gives every change a later update time, and leaves it alone when nothing changes', async () => {
    const document = sends.doc('a')
    const first = await document.set({ n: 1 })
    const second = await document.set({ n: 2 })
    const same = await document.set({ n: 2 })
    expect(second.writeTime.valueOf() > first.writeTime.valueOf()).toBe(true)
    expect(same.writeTime.isEqual(second.writeTime)).toBe(true)
    const { createTime, updateTime, readTime } = await document.get()
    expect(createTime?.isEqual(first.writeTime)).toBe(true)
    expect(updateTime?.isEqual(second.writeTime)).toBe(true)
    expect(readTime.valueOf() >= second.writeTime.valueOf()).toBe(true)
  })

  it('fills in its own time, in milliseconds', async () => {
    await sends.doc('a').set({ at: FieldValue.serverTimestamp() })
    const at: unknown = (await sends.doc('a').get()).get('at')
    expect(at).toEqual(Timestamp.fromMillis(nowMs))
  })

  it('does all writes of a commit or none', async () => {
    await sends.doc('taken').set({ n: 1 })
    const batch = firestore.batch().create(sends.doc('free'), {}).create(sends.doc('taken'), {})
    await expect(batch.commit()).rejects.toMatchObject({ code: 6 })
    expect((await sends.doc('free').get()).exists).toBe(false)
    await firestore.batch().create(sends.doc('free'), { n: 1 }).update(sends.doc('free'), { n: 2 }).commit()
    expect(await fieldsOf(sends.doc('free'))).toEqual({ n: 2 })
  })

  it('answers conditions that do not hold with the codes of Firestore', async () => {
    const document = sends.doc('a')
    await expect(document.update({ n: 1 })).rejects.toMatchObject({ code: 5 })
    const { writeTime } = await document.create({ n: 1 })
    await expect(document.create({ n: 2 })).rejects.toMatchObject({ code: 6 })
    await document.update({ n: 2 }, { lastUpdateTime: writeTime })
    await expect(document.update({ n: 3 }, { lastUpdateTime: writeTime })).rejects.toMatchObject({ code: 9 })
    await expect(document.delete({ lastUpdateTime: writeTime })).rejects.toMatchObject({ code: 9 })
    expect(await fieldsOf(document)).toEqual({ n: 2 })
  })

  it('finds equal values, by name, up to a limit', async () => {
    for (const id of ['c', 'a', 'b', 'd']) await sends.doc(id).set({ kind: id === 'd' ? 2 : 1, all: true })
    const ofKind = sends.where('kind', '==', 1).where('all', '==', true)
    expect((await ofKind.get()).docs.map(({ id }) => id)).toEqual(['a', 'b', 'c'])
    expect((await ofKind.limit(2).get()).docs.map(({ id }) => id)).toEqual(['a', 'b'])
    expect((await ofKind.orderBy('__name__').get()).size).toBe(3)
  })

  it('says clearly what it does not serve', async () => {
    const document = sends.doc('a')
    await document.set({ n: 1 })
    await expect(document.update({ n: FieldValue.increment(1) })).rejects.toMatchObject({ code: 12 })
    await expect(document.update({ 'map.key': 1 })).rejects.toMatchObject({ code: 12 })
    await expect(sends.listDocuments()).rejects.toMatchObject({ code: 12 })
  })

  it.each([
    [
      'RunQuery',
      { parent: 'p', structuredQuery: { from: [{ collectionId: 'c' }], orderBy: [{ field: { fieldPath: 'n' } }] } },
    ],
    ['BatchGetDocuments', { documents: ['p/c/d'], newTransaction: { readWrite: {} } }],
  ])('refuses a %s that asks for more than it can do', async (method, request) => {
    // Not through the client: it repeats refused streams for seconds.
    const definition = firestoreService()[method]
    if (definition === undefined) throw new Error(`no method ${method}`)
    const client = new Client(server.host, credentials.createInsecure())
    closing.push(async () => client.close())
    const { path, requestSerialize, responseDeserialize } = definition
    const answers = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request)
    await expect(answers.toArray()).rejects.toMatchObject({ code: 12 })
  })
})

describe('trouble on demand', () => {
  /** Goes wrong as listed, request by request. */
  function faults(...list: (FirestoreFault | undefined)[]): { methods: string[]; fault: FirestoreOptions['fault'] } {
    const methods: string[] = []
    return {
      methods,
      fault: (method) => {
        methods.push(method)
        return list.shift()
      },
    }
  }

  it('meets a client that tries again when it is unavailable', async () => {
    const { methods, fault } = faults('unavailable')
    const document = clientOf(await start({ fault })).doc('sends/a')
    await document.create({ n: 1 })
    expect(await fieldsOf(document)).toEqual({ n: 1 })
    expect(methods).toEqual(['Commit', 'Commit', 'BatchGetDocuments'])
  })

  it('does what it was asked and loses the answer, so that the client meets its own write', async () => {
    const { fault } = faults('answer_lost')
    const document = clientOf(await start({ fault })).doc('sends/a')
    await expect(document.create({ n: 1 })).rejects.toMatchObject({ code: 6 })
    expect(await fieldsOf(document)).toEqual({ n: 1 })
  })

  it('misbehaves from when it is told to until it is told otherwise', async () => {
    const server = await start()
    const document = clientOf(server).doc('sends/a')
    server.misbehave('denied')
    expect(server.misbehaviour).toBe('denied')
    await expect(document.create({ n: 1 })).rejects.toMatchObject({ code: 7 })
    server.misbehave()
    await document.create({ n: 1 })
    expect(await fieldsOf(document)).toEqual({ n: 1 })
  })

  it('answers late what it did at once', async () => {
    const { fault } = faults('late')
    const firestore = clientOf(await start({ fault }))
    const order: string[] = []
    const written = firestore
      .doc('sends/a')
      .create({ n: 1 })
      .then(() => order.push('written'))
    while (!(await firestore.doc('sends/a').get()).exists) order.push('not there')
    order.push('read')
    await written
    expect(order.slice(-2)).toEqual(['read', 'written'])
  })
})

describe('a data file', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'firestore-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('brings everything back after a restart, deletions and update times too', async () => {
    const dataFile = join(folder, 'ledger.jsonl')
    const first = await start({ dataFile })
    const before = clientOf(first)
    await before.doc('sends/a').set({ n: 1 })
    const { writeTime } = await before.doc('sends/a').update({ bytes: Buffer.from('b') })
    await before.doc('sends/b').set({ n: 2 })
    await before.doc('sends/b').delete()
    await first.close()

    const after = clientOf(await start({ dataFile, port: first.port }))
    expect(await fieldsOf(after.doc('sends/a'))).toEqual({ n: 1, bytes: Buffer.from('b') })
    expect((await after.doc('sends/b').get()).exists).toBe(false)
    await after.doc('sends/a').update({ n: 3 }, { lastUpdateTime: writeTime })
  })

  it('is read up to a line that was cut off by a crash', async () => {
    const dataFile = join(folder, 'ledger.jsonl')
    const first = await start({ dataFile })
    await clientOf(first).doc('sends/a').set({ n: 1 })
    await first.close()
    writeFileSync(dataFile, `${readFileSync(dataFile, 'utf8')}{"micros":1`)
    const after = clientOf(await start({ dataFile }))
    expect(await fieldsOf(after.doc('sends/a'))).toEqual({ n: 1 })
  })
})
