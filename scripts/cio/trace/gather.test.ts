import { hashOfMessageKey, hashOfPerson, identifierOf, parseHashRing } from '../../../shared/identity/index.ts'
import type { DeadLettersSought } from './dead-letters.ts'
import type { Entry, Ties } from './entry.ts'
import { gather, type Sought, type Stores } from './gather.ts'
import { journeysOf } from './journey.ts'
import type { RecordTies } from './rows.ts'

const RING = parseHashRing('a key of more than thirty-two characters\nan older key of thirty-two characters')
if (RING === undefined) throw new Error('there is no ring')
const NOTHING: Sought = { messageIds: [], keys: [], deliveryIds: [], names: [], ring: undefined, limit: 5 }
const ADA = identifierOf('id', 'ada')
if (ADA === undefined) throw new Error('nobody')

const line = (ties: Ties, outcome = 'delivered'): Entry => ({
  ...{ atMs: 1, topic: 'track', ...ties },
  fact: {
    kind: 'attempted',
    ...{ attempt: 1, outcome, reason: undefined, cause: undefined, httpStatus: undefined, note: undefined },
    ...{ batch: undefined, queueMs: undefined, requestMs: undefined, held: undefined },
  },
})

/** Stores that hold these lines of the record, and note each question. */
function storesWith(lines: readonly Entry[], waiting: readonly Entry[] = []) {
  const asked: unknown[][] = []
  const has = (ties: RecordTies) => (entry: Entry) =>
    entry.messageIds?.some((id) => ties.messageIds.includes(id)) ||
    ties.keyHashes.includes(entry.keyHash ?? '') ||
    ties.deliveryIds.includes(entry.deliveryId ?? '')
  const note = <T>(answer: T, ...question: unknown[]) => {
    asked.push(question)
    return Promise.resolve(answer)
  }
  const stores: Stores = {
    rows: {
      outcomes: (ties) => note(lines.filter(has(ties)), 'outcomes', ties),
      messagesOf: (hashes) => (hashes.length === 0 ? Promise.resolve([]) : note(['1'], 'messagesOf', hashes)),
      events: (deliveryIds) => note([], 'events', deliveryIds),
      deliveriesOf: () => note([], 'deliveriesOf'),
    },
    remembered: ({ keys }) => note([], 'ledger', keys),
    deadLetters: ({ ids, person }: DeadLettersSought, topic) => {
      const sought = (entry: Entry) => person !== undefined || entry.messageIds?.some((id) => ids.has(id))
      return note(waiting.filter(sought), 'dead letters', topic)
    },
    hashesInRows: () => ['hash'],
    soughtBy: (names) => (names.length === 0 ? undefined : { names, isMeant: () => true }),
  }
  const kinds = () => asked.map(([kind]) => kind)
  return { stores, asked, kinds }
}

it('asks each store once about a message that was accepted, and looks at no dead letter', async () => {
  const { stores, kinds } = storesWith([line({ messageIds: ['1'], deliveryId: 'd' })])
  expect(journeysOf(await gather(stores, { ...NOTHING, messageIds: ['1'] }))).toHaveLength(1)
  // The record once more, about the delivery, which it names now.
  expect(kinds()).toEqual(['outcomes', 'outcomes', 'ledger', 'events'])
})

it('looks at the dead letters of its topic where a message was not accepted', async () => {
  const { stores, asked } = storesWith([line({ messageIds: ['1'] }, 'refused')])
  await gather(stores, { ...NOTHING, messageIds: ['1'] })
  expect(asked).toContainEqual(['dead letters', 'track'])
})

it('looks at all dead letters where the record knows nothing of a message', async () => {
  const { stores, asked } = storesWith([])
  await gather(stores, { ...NOTHING, messageIds: ['1'] })
  expect(asked).toContainEqual(['dead letters', undefined])
})

it('asks the record no more than four times in a row, however long a chain of replays is', async () => {
  const chain = Array.from({ length: 20 }, (_, index) => line({ messageIds: [String(index + 1), String(index)] }))
  const { stores, kinds } = storesWith(chain)
  await gather(stores, { ...NOTHING, messageIds: ['0'] })
  expect(kinds().filter((kind) => kind === 'outcomes').length).toBeLessThanOrEqual(8)
})

it('finds the ledger by the key that a dead letter tells', async () => {
  const deadLetter: Entry = {
    ...{ atMs: 2, messageIds: ['9', '1'], key: 'publisher:receipt', topic: 'transactional' },
    fact: { kind: 'dead_lettered', id: '1', reason: 'uncertain', error: '', attempts: 1, replays: 0, doubt: undefined },
  }
  const { stores, asked } = storesWith([line({ messageIds: ['1'] }, 'refused')], [deadLetter])
  await gather(stores, { ...NOTHING, messageIds: ['1'] })
  expect(asked).toContainEqual(['ledger', ['publisher:receipt', 'message:1', 'message:9']])
})

it('asks about a key and a person by every key of the ring, and ties what an older one has hashed to the key', async () => {
  const hashes = RING.map((key) => hashOfMessageKey(key, 'receipt'))
  const lines = hashes.map((keyHash, index) => line({ messageIds: [String(index)], keyHash }))
  const byKey = storesWith(lines)
  const found = await gather(byKey.stores, { ...NOTHING, keys: ['receipt'], ring: RING })
  expect(journeysOf(found)).toMatchObject([{ messageIds: ['0', '1'] }])
  const byPerson = storesWith([line({ messageIds: ['1'] })])
  await gather(byPerson.stores, { ...NOTHING, names: [ADA], ring: RING })
  expect(byPerson.asked).toContainEqual(['messagesOf', RING.map((key) => hashOfPerson(key, ADA))])
  expect(byPerson.kinds()).toContain('dead letters')
})
