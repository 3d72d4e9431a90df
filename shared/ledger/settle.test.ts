import { settle } from './index.ts'
import type { NewSendRecord, SendLedger, SendState, StoredRecord } from './record.ts'
import { resolve } from './resolve.ts'
import { createMemoryLedger } from './testing/memory-ledger.ts'

const LEASE_MS = 30_000

let nowMs: number
let ledger: SendLedger

beforeEach(() => {
  nowMs = 1_700_000_000_000
  ledger = createMemoryLedger({ now: () => nowMs })
})

async function record(state: SendState, more: Partial<NewSendRecord> = {}): Promise<void> {
  await ledger.create('id', {
    state,
    owner: 'delivery',
    leaseMs: LEASE_MS,
    hashes: { version: 2, key: 'key', content: 'content', persons: [] },
    channel: 'email',
    template: null,
    claimedAtMs: 'request_time',
    deliveryId: null,
    expiresAtMs: nowMs + 1_000_000,
    ...more,
  })
  nowMs += 1
}

describe('settling a send', () => {
  it('writes that it was sent', async () => {
    await record('uncertain')
    expect(await settle(ledger, 'id', 'sent', 'person')).toEqual({ kind: 'settled' })
    expect(await ledger.read('id')).toMatchObject({ state: 'sent', owner: 'person', hashes: { content: 'content' } })
  })

  it('writes that it was not, so that the next delivery sends', async () => {
    await record('uncertain')
    expect(await settle(ledger, 'id', 'not_sent', 'person')).toEqual({ kind: 'settled' })
    expect(await ledger.read('id')).toMatchObject({ state: 'released' })
  })

  it('settles what was claimed by somebody who never came back, but not what is being sent', async () => {
    await record('claimed')
    expect(await settle(ledger, 'id', 'sent', 'person')).toEqual({ kind: 'busy' })
    nowMs += LEASE_MS - 2
    expect(await settle(ledger, 'id', 'sent', 'person')).toEqual({ kind: 'busy' })
    nowMs += 1
    expect(await settle(ledger, 'id', 'sent', 'person')).toEqual({ kind: 'settled' })
  })

  it.each(['sent', 'not_sent'] as const)(
    'as %s keeps others from taking a delivery that it may have made',
    async (word) => {
      await record('uncertain')
      await settle(ledger, 'id', word, 'person')
      const settled = await ledger.read('id')
      if (settled === undefined) throw new Error('there is no record')
      const resolved = (createdAtMs: number, others: readonly StoredRecord[]) => {
        const window = { fromMs: createdAtMs - 5_000, untilMs: createdAtMs + 90_000 }
        const delivery = { id: 'd', createdAtMs, person: 'same', template: 'same', recipient: 'same' } as const
        const found = { deliveries: [delivery], compared: 'everything' }
        return resolve({ channel: 'email', template: null }, window, found, others, new Set(), 60_000)
      }
      expect(resolved(nowMs, [])).toEqual({ kind: 'sent', deliveryId: 'd' })
      expect(resolved(nowMs, [settled])).toMatchObject({ kind: 'answer', outcome: { reason: 'uncertain' } })
      expect(resolved(nowMs + 60_000, [settled])).toEqual({ kind: 'sent', deliveryId: 'd' })
    },
  )

  it('changes nothing that is known', async () => {
    await record('sent', { deliveryId: 'delivery-1' })
    expect(await settle(ledger, 'id', 'not_sent', 'person')).toEqual({
      kind: 'decided',
      state: 'sent',
      deliveryId: 'delivery-1',
    })
    expect(await ledger.read('id')).toMatchObject({ state: 'sent', owner: 'delivery' })
  })

  it('has nothing to write where there is no record, or one that has expired', async () => {
    expect(await settle(ledger, 'id', 'sent', 'person')).toEqual({ kind: 'no_record' })
    await record('uncertain')
    nowMs += 1_000_000 - 1
    expect(await settle(ledger, 'id', 'sent', 'person')).toEqual({ kind: 'no_record' })
  })

  it('never undoes what a delivery writes between its look and its write', async () => {
    await record('uncertain')
    const overtaken: SendLedger = {
      ...ledger,
      async read(id) {
        const found = await ledger.read(id)
        if (found?.owner === 'delivery') {
          await ledger.update(id, found.version, { owner: 'faster', state: 'sent', deliveryId: 'delivery-2' })
        }
        return found
      },
    }
    expect(await settle(overtaken, 'id', 'not_sent', 'person')).toEqual({ kind: 'busy' })
    expect(await ledger.read('id')).toMatchObject({ state: 'sent', owner: 'faster' })
  })
})
