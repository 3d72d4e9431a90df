import { Firestore } from '@google-cloud/firestore'
import { type FirestoreFault, type FirestoreServer, startFirestore } from '../../scripts/emulators/firestore/index.ts'
import { steadyClock } from '../clock/index.ts'
import { endpointsOf } from '../google-api/index.ts'
import { createFirestoreSendLedger, createSendLedger, hashOf, sendOnce } from './index.ts'
import { plainlyHashed } from './testing/plain-hashes.ts'

const ledgerOf = ({ host }: FirestoreServer) =>
  createSendLedger({
    endpoint: endpointsOf({ FIRESTORE_EMULATOR_HOST: host }).firestore,
    projectId: 'project',
    database: 'send-ledger',
    collection: 'sends',
    clock: steadyClock,
    random: Math.random,
  })

/** The ledger against a server that loses answers, answers late, or holds what is not ours. Google's client looks what it did. */
describe('the ledger in Firestore, in trouble', () => {
  const faults: FirestoreFault[] = []
  let server: FirestoreServer
  let firestore: Firestore
  beforeAll(async () => {
    server = await startFirestore({ port: 0, fault: (method) => (method === 'Commit' ? faults.shift() : undefined) })
    firestore = new Firestore({
      projectId: 'project',
      databaseId: 'send-ledger',
      servicePath: '127.0.0.1',
      port: server.port,
      ssl: false,
    })
  })
  afterAll(async () => {
    await firestore.terminate()
    await server.close()
  })

  function send(key: string, ledgerTimeoutMs?: number) {
    const sent: string[] = []
    const outcome = sendOnce(
      {
        ledger: ledgerOf(server),
        claimTimeoutMs: ledgerTimeoutMs,
        clock: steadyClock,
        newToken: () => crypto.randomUUID(),
        requestTimeoutMs: 10_000,
        ttlMs: 86_400_000,
      },
      {
        key,
        ...plainlyHashed('content'),
        channel: 'broadcast',
        lookUp: { notAskable: 'a broadcast' },
        ready: async () => ({
          send: async () => {
            sent.push(key)
            return { kind: 'delivered', deliveryId: `delivery of ${key}` }
          },
          cancel: () => {},
        }),
      },
    )
    return { sent, outcome }
  }

  const documentOf = async (key: string): Promise<Record<string, unknown> | undefined> =>
    (await firestore.collection('sends').doc(hashOf(key)).get()).data()

  it('keeps one document per key, under its hash, as the operators and the TTL policy know it', async () => {
    await send('plain').outcome
    expect(await documentOf('plain')).toEqual({
      state: 'sent',
      owner: expect.any(String),
      lease_ms: 30_000,
      hash_version: 2,
      hash_key: 'key',
      content_hmac: 'content',
      persons: [],
      channel: 'broadcast',
      template: null,
      claimed_at: expect.objectContaining({ toDate: expect.any(Function) }),
      delivery_id: 'delivery of plain',
      expires_at: expect.objectContaining({ toDate: expect.any(Function) }),
    })
  })

  it('keeps when a person settled a send, by its own clock', async () => {
    const ledger = ledgerOf(server)
    await send('settled').outcome
    const before = await ledger.read(hashOf('settled'))
    expect(before).not.toHaveProperty('settledAtMs')
    await ledger.update(hashOf('settled'), before?.version ?? '', {
      owner: 'person',
      state: 'released',
      settledAtMs: 'request_time',
    })
    const after = await ledger.read(hashOf('settled'))
    expect(after?.settledAtMs).toBeGreaterThan((after?.updatedAtMs ?? 0) - 5_000)
    expect(await documentOf('settled')).toMatchObject({ settled_at: { toDate: expect.any(Function) } })
  })

  it('keeps of a record only the hashes of its last version', async () => {
    const ledger = ledgerOf(server)
    await send('hashes').outcome
    const { version = '' } = (await ledger.read(hashOf('hashes'))) ?? {}
    const hashes = { version: 1, content: 'plain', person: 'ada' } as const
    await ledger.update(hashOf('hashes'), version, { owner: 'before', state: 'claimed', hashes })
    expect((await ledger.read(hashOf('hashes')))?.hashes).toEqual(hashes)
    const document = await documentOf('hashes')
    for (const field of ['hash_version', 'hash_key', 'content_hmac', 'persons'])
      expect(document).not.toHaveProperty(field)
  })

  it('recognises its own claim and its own note when the answers to both are lost', async () => {
    faults.push('answer_lost') // of the claim; the client then commits it again
    const { outcome, sent } = send('lost claim')
    await outcome
    expect(sent).toHaveLength(1)
    expect(await documentOf('lost claim')).toMatchObject({ state: 'sent' })
  })

  it('passes on a note whose answer was lost', async () => {
    const ledger = ledgerOf(server)
    await send('lost note').outcome
    const record = await ledger.read(hashOf('lost note'))
    faults.push('answer_lost')
    expect(await ledger.update(hashOf('lost note'), record?.version ?? '', { owner: 'me', state: 'released' })).toEqual(
      {
        kind: 'other',
      },
    )
    expect(await documentOf('lost note')).toMatchObject({ owner: 'me', state: 'released' })
  })

  it('does not wait for the client, which tries for minutes, and lets go of a claim that comes true too late', async () => {
    await send('warm up').outcome
    faults.push('late')
    const { outcome, sent } = send('late', 100)
    expect(await outcome).toMatchObject({
      kind: 'retry',
      error: 'the send ledger cannot be used: DEADLINE_EXCEEDED (4): no answer within 100 ms',
    })
    expect(sent).toEqual([])
    expect(await documentOf('late')).toMatchObject({ state: 'claimed' })
    while ((await documentOf('late'))?.state !== 'released') await new Promise((resolve) => setImmediate(resolve))
    const again = send('late')
    expect(await again.outcome).toMatchObject({ kind: 'delivered' })
    expect(again.sent).toHaveLength(1)
  })

  it('comes again when it may not write', async () => {
    faults.push('denied')
    const { outcome, sent } = send('denied')
    expect(await outcome).toMatchObject({ kind: 'retry', error: expect.stringContaining('PERMISSION_DENIED') })
    expect(sent).toEqual([])
  })

  it('sends nothing over a document that it cannot read', async () => {
    await firestore.collection('sends').doc(hashOf('foreign')).set({ state: 'no idea' })
    const { outcome, sent } = send('foreign')
    expect(await outcome).toMatchObject({ kind: 'retry', error: expect.stringContaining('UnreadableRecordError') })
    expect(sent).toEqual([])
  })

  describe('an erasure that another write overtakes', () => {
    const ann = { version: 2, hash: 'ann' } as const
    const shared = () => firestore.collection('sends').doc(hashOf('shared'))

    /** Erases Ann from a record that is Bob's too. Before the first deletion is committed, `meanwhile` happens. */
    async function eraseAnn(meanwhile: () => Promise<unknown>): Promise<number> {
      await send('shared').outcome
      await shared().update({ persons: ['ann', 'bob'] })
      const overtaken = firestore.batch()
      const commit = overtaken.commit.bind(overtaken)
      overtaken.commit = async () => {
        await meanwhile()
        return commit()
      }
      jest.spyOn(firestore, 'batch').mockReturnValueOnce(overtaken)
      return createFirestoreSendLedger({ firestore, collection: 'sends' }).erase([ann])
    }

    afterEach(() => jest.restoreAllMocks())

    it('looks again, and keeps what was written', async () => {
      expect(await eraseAnn(() => shared().update({ state: 'released' }))).toBe(1)
      expect(await documentOf('shared')).toMatchObject({ persons: ['bob'], state: 'released' })
      await shared().delete()
    })

    it('has nothing left to erase when the record is gone', async () => {
      expect(await eraseAnn(() => shared().delete())).toBe(0)
      expect(await documentOf('shared')).toBeUndefined()
    })

    it('fails when it may not write', async () => {
      await expect(eraseAnn(async () => faults.push('denied'))).rejects.toMatchObject({ code: 7 })
      expect(await documentOf('shared')).toMatchObject({ persons: ['ann', 'bob'] })
      await shared().delete()
    })
  })
})
