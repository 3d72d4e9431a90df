import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Firestore } from '@google-cloud/firestore'
import { type HashKey, parseHashRing } from '../../../shared/identity/index.ts'
import { type FirestoreServer, startFirestore } from '../../emulators/firestore/index.ts'
import { readTopology } from '../../topology/topology.ts'
import type { Context } from '../context.ts'
import { EraseJournal } from '../person/journal.ts'
import { lostKeys, ringAfterRotation, throwIfNeededKeyIsDropped } from './hash-keys.ts'

const [A, B, C, D] = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(32))
let server: FirestoreServer
let firestore: Firestore
let context: Context

beforeAll(async () => {
  server = await startFirestore({ port: 0 })
  const [servicePath = '', port] = server.host.split(':')
  firestore = new Firestore({ projectId: 'p', databaseId: 'd', servicePath, port: Number(port), ssl: false })
})
afterAll(async () => {
  await firestore.terminate()
  await server.close()
})
beforeEach(() => {
  server.clear()
  const stateDirectory = mkdtempSync(join(tmpdir(), 'hash-keys-'))
  const connection = { stateDirectory, topology: readTopology(), firestore: async () => firestore }
  context = { connection } as unknown as Context
})

const keyOf = (secret = ''): HashKey => {
  const [key] = parseHashRing(secret) ?? []
  if (key === undefined) throw new Error('no key')
  return key
}
const record = (secret: string | undefined) =>
  firestore
    .collection(readTopology().ledger.collection)
    .doc()
    .create({ hash_version: 2, hash_key: keyOf(secret).id })
const ring = (...secrets: (string | undefined)[]) => secrets.join('\n')

describe('a rotation of the hash keys', () => {
  it('keeps the key before, and older ones as long as a record was made with them', async () => {
    await record(B)
    expect(await ringAfterRotation(context, D ?? '', ring(A, B, C))).toBe(ring(D, A, B))
    expect(await ringAfterRotation(context, D ?? '', 'unset')).toBe(D)
  })

  it('keeps every key while an erasure is unfinished, whose journal was made with one of them', async () => {
    const entry = { names: ['hash'], ledger: [], identifiers: [], suppressed: true, rows: {}, undecided: {} }
    new EraseJournal(context.connection.stateDirectory).write(entry)
    expect(await ringAfterRotation(context, D ?? '', ring(A, B))).toBe(ring(D, A, B))
  })
})

describe('setting the hash keys', () => {
  it('takes no key away that is current or needed', async () => {
    await record(B)
    await expect(throwIfNeededKeyIsDropped(context, ring(A), ring(A, B))).rejects.toThrow('is still needed')
    await expect(throwIfNeededKeyIsDropped(context, ring(C), ring(A))).rejects.toThrow('is still needed')
    await throwIfNeededKeyIsDropped(context, ring(A, B), ring(A, B, C))
    await throwIfNeededKeyIsDropped(context, ring(A), '')
  })
})

it('a key that is gone although records were made with it is named', async () => {
  await Promise.all([record(A), record(B), firestore.collection(readTopology().ledger.collection).doc().create({})])
  expect(await lostKeys(context, ring(A, B))).toEqual([])
  expect(await lostKeys(context, ring(A))).toEqual([keyOf(B).id])
})
