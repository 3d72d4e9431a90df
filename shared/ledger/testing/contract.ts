import { randomUUID } from 'node:crypto'
import { MOST_RECORDS_OF_A_PERSON, type NewSendRecord, type SendLedger, type StoredRecord } from '../record.ts'
import { plainHash } from './plain-hashes.ts'

const CLAIMED: NewSendRecord = {
  state: 'claimed',
  owner: 'first',
  leaseMs: 30_000,
  hashes: { version: 2, key: 'key', content: 'content', persons: ['person'] },
  channel: 'email',
  template: '7',
  claimedAtMs: 'request_time',
  deliveryId: null,
  expiresAtMs: 4_000_000_000_000,
}

/** A record of these persons. */
function about(...persons: string[]): Pick<NewSendRecord, 'hashes'> {
  return { hashes: { version: 2, key: 'key', content: 'content', persons } }
}

/** A ledger under test, and how to end what it needs. */
export interface Subject {
  readonly ledger: SendLedger
  readonly close: () => Promise<void>
}

/** What `sendOnce` relies on in a ledger. */
export function keepsTheContract(open: () => Promise<Subject>): void {
  let subject: Subject
  let ledger: SendLedger
  beforeAll(async () => {
    subject = await open()
    ledger = subject.ledger
  }, 60_000) // Java takes its time on a busy machine
  afterAll(async () => await subject.close())

  const read = async (id: string): Promise<StoredRecord> => {
    const record = await ledger.read(id)
    if (record === undefined) throw new Error(`no record ${id}`)
    return record
  }

  it('creates a record once and gives back what was written, with its own times', async () => {
    const id = randomUUID()
    expect(await ledger.read(id)).toBeUndefined()
    const created = await ledger.create(id, CLAIMED)
    expect(await ledger.create(id, { ...CLAIMED, owner: 'second' })).toEqual({ kind: 'other' })
    const record = await read(id)
    const { claimedAtMs: _, ...rest } = CLAIMED
    expect(record).toMatchObject({ ...rest, id })
    expect(created).toEqual({ kind: 'written', version: record.version })
    expect(record.claimedAtMs).toBeLessThanOrEqual(record.updatedAtMs)
    expect(record.claimedAtMs).toBeGreaterThan(record.updatedAtMs - 5_000)
    expect(record.readAtMs).toBeGreaterThanOrEqual(record.updatedAtMs)
    expect(Math.abs(record.updatedAtMs - Date.now())).toBeLessThan(60_000)
  })

  it('lets exactly one of many who create the same record', async () => {
    const id = randomUUID()
    const owners = Array.from({ length: 20 }, (_, index) => `owner ${index}`)
    const results = await Promise.all(owners.map((owner) => ledger.create(id, { ...CLAIMED, owner })))
    expect(results.filter(({ kind }) => kind === 'written')).toHaveLength(1)
    expect((await read(id)).owner).toBe(owners[results.findIndex(({ kind }) => kind === 'written')])
  })

  it('changes what is named and leaves the rest, the time of the claim too', async () => {
    const id = randomUUID()
    await ledger.create(id, CLAIMED)
    const before = await read(id)
    const updated = await ledger.update(id, before.version, { owner: 'first', state: 'sent', deliveryId: 'd1' })
    const after = await read(id)
    expect(updated).toEqual({ kind: 'written', version: after.version })
    expect(after).toEqual({
      ...before,
      state: 'sent',
      deliveryId: 'd1',
      version: after.version,
      updatedAtMs: after.updatedAtMs,
      readAtMs: after.readAtMs,
    })
    expect(after.version).not.toBe(before.version)
  })

  it('claims again with a new time of the claim', async () => {
    const id = randomUUID()
    await ledger.create(id, CLAIMED)
    const before = await read(id)
    await new Promise((resolve) => setTimeout(resolve, 2))
    await ledger.update(id, before.version, { ...CLAIMED, owner: 'second' })
    const after = await read(id)
    expect(after.claimedAtMs).toBeGreaterThan(before.claimedAtMs)
    expect(after.claimedAtMs).toBeLessThanOrEqual(after.updatedAtMs)
  })

  it('refuses every write that rests on an older version', async () => {
    const id = randomUUID()
    const created = await ledger.create(id, CLAIMED)
    const first = created.kind === 'written' ? created.version : ''
    await ledger.update(id, first, { owner: 'second', state: 'released' })
    expect(await ledger.update(id, first, { owner: 'first', state: 'sent', deliveryId: 'd1' })).toEqual({
      kind: 'other',
    })
    expect(await read(id)).toMatchObject({ owner: 'second', state: 'released', deliveryId: null })
  })

  it('lets exactly one of many who rest on the same version', async () => {
    const id = randomUUID()
    await ledger.create(id, CLAIMED)
    const { version } = await read(id)
    const owners = Array.from({ length: 20 }, (_, index) => `owner ${index}`)
    const results = await Promise.all(owners.map((owner) => ledger.update(id, version, { ...CLAIMED, owner })))
    expect(results.filter(({ kind }) => kind === 'written')).toHaveLength(1)
    expect((await read(id)).owner).toBe(owners[results.findIndex(({ kind }) => kind === 'written')])
  })

  it('does not change a record that is gone', async () => {
    const id = randomUUID()
    await ledger.create(id, { ...CLAIMED, ...about(id) })
    const { version } = await read(id)
    await ledger.erase([plainHash(id)])
    expect(await ledger.update(id, version, { owner: 'first', state: 'sent' })).toEqual({ kind: 'other' })
    expect(await ledger.read(id)).toBeUndefined()
  })

  it('finds the other records of the same persons, and no more', async () => {
    const [person, again, own, other, third] = [randomUUID(), randomUUID(), randomUUID(), randomUUID(), randomUUID()]
    await ledger.create(own, { ...CLAIMED, ...about(person) })
    await ledger.create(other, { ...CLAIMED, ...about(person), template: '8' })
    await ledger.create(third, { ...CLAIMED, ...about(again) })
    await ledger.create(randomUUID(), { ...CLAIMED, ...about('somebody else') })
    const others = await ledger.others([person, again].map(plainHash), own)
    expect(others?.map(({ id }) => id)).toEqual([other, third])
    expect(others?.[0]).toEqual({ ...(await read(other)), readAtMs: others?.[0]?.readAtMs })
    expect(await ledger.others([], own)).toEqual([])
  })

  it('does not tell the records of a person who has more than can be looked through', async () => {
    const person = randomUUID()
    const ids = Array.from({ length: MOST_RECORDS_OF_A_PERSON }, () => randomUUID())
    await Promise.all(ids.map((id) => ledger.create(id, { ...CLAIMED, ...about(person) })))
    expect(await ledger.others([plainHash(person)], '')).toHaveLength(MOST_RECORDS_OF_A_PERSON)
    await ledger.create(randomUUID(), { ...CLAIMED, ...about(person) })
    expect(await ledger.others([plainHash(person)], '')).toBeUndefined()
  })

  it('knows which deliveries a record holds', async () => {
    const [id, delivery] = [randomUUID(), randomUUID()]
    await ledger.create(id, { ...CLAIMED, deliveryId: delivery })
    expect(await ledger.held([delivery, 'nobody has it'])).toEqual(new Set([delivery]))
    expect(await ledger.held([])).toEqual(new Set())
  })

  it('reads records of both versions, finds persons in both, and makes one of the other', async () => {
    const [plain, keyed, person] = [randomUUID(), randomUUID(), randomUUID()]
    const old = { version: 1, content: 'content', person } as const
    await ledger.create(plain, { ...CLAIMED, hashes: old })
    await ledger.create(keyed, { ...CLAIMED, ...about(person, 'somebody else') })
    expect((await read(plain)).hashes).toEqual(old)
    const both = await ledger.others([{ version: 1, hash: person }, plainHash(person)], '')
    expect(both?.map(({ id }) => id).sort()).toEqual([plain, keyed].sort())
    const { version } = await read(plain)
    await ledger.update(plain, version, { owner: 'second', state: 'claimed', ...about('new') })
    expect(await read(plain)).toMatchObject(about('new'))
    expect(await ledger.others([{ version: 1, hash: person }], '')).toEqual([])
  })

  it('takes a person out of a record that is about others as well, and deletes it with the last', async () => {
    const [id, ann, bob] = [randomUUID(), randomUUID(), randomUUID()]
    await ledger.create(id, { ...CLAIMED, ...about(ann, `${ann} by e-mail`, bob) })
    expect(await ledger.erase([plainHash(ann), plainHash(`${ann} by e-mail`)])).toBe(1)
    expect(await read(id)).toMatchObject({ state: 'claimed', owner: 'first', ...about(bob) })
    expect(await ledger.erase([plainHash(bob)])).toBe(1)
    expect(await ledger.read(id)).toBeUndefined()
  })

  it('erases a record from before there was a key, which names one person alone', async () => {
    const [id, person] = [randomUUID(), randomUUID()]
    await ledger.create(id, { ...CLAIMED, hashes: { version: 1, content: 'content', person } })
    expect(await ledger.erase([{ version: 1, hash: person }])).toBe(1)
    expect(await ledger.read(id)).toBeUndefined()
  })

  it('erases all records of one person, however many, and nobody else', async () => {
    const [person, somebodyElse] = [randomUUID(), randomUUID()]
    const ids = Array.from({ length: 55 }, () => randomUUID())
    await Promise.all(ids.map((id) => ledger.create(id, { ...CLAIMED, ...about(person) })))
    await ledger.create(somebodyElse, { ...CLAIMED, ...about(somebodyElse) })
    expect(await ledger.erase([plainHash(person)])).toBe(55)
    expect(await ledger.others([plainHash(person)], '')).toEqual([])
    expect(await ledger.erase([plainHash(person)])).toBe(0)
    await read(somebodyElse)
  })
}
