import { Firestore } from '@google-cloud/firestore'
import { type FirestoreFault, type FirestoreServer, startFirestore } from '../../emulators/firestore/index.ts'
import { readTopology } from '../../topology/topology.ts'
import type { Context } from '../context.ts'
import { examineLedger } from './stores.ts'

let server: FirestoreServer
let firestore: Firestore
let fault: { readonly on: string; readonly fault: FirestoreFault } | undefined
beforeAll(async () => {
  server = await startFirestore({ port: 0, fault: (method) => (method === fault?.on ? fault.fault : undefined) })
  const port = server.port
  firestore = new Firestore({ projectId: 'project', databaseId: 'l', servicePath: '127.0.0.1', port, ssl: false })
})
afterAll(async () => {
  await firestore.terminate()
  await server.close()
})
beforeEach(() => {
  fault = undefined
})

function examine() {
  const connection = {
    topology: readTopology(),
    firestore: async () => firestore,
    secrets: () => ({ latest: async () => undefined }),
  } as unknown as Context['connection']
  return examineLedger({ connection } as Context)
}

it('finds nothing wrong with a ledger that can be used, and leaves nothing in it', async () => {
  expect(await examine()).toEqual([{ area: 'send ledger', state: 'ok', note: expect.stringContaining('written') }])
  expect((await firestore.collection(readTopology().ledger.collection).get()).size).toBe(0)
})

it.each([
  ['RunQuery', 'read'],
  ['Commit', 'written'],
])('finds a ledger whose %s is denied', async (on, what) => {
  fault = { on, fault: 'denied' }
  expect(await examine()).toEqual([
    {
      area: 'send ledger',
      state: 'wrong',
      note: expect.stringMatching(`cannot be ${what}: PERMISSION_DENIED \\(7\\)`),
      fix: expect.stringContaining('roles/datastore.user'),
    },
  ])
})
