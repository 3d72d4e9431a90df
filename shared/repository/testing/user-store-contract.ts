import assert from 'node:assert/strict'
import { aboutToPublish, choose } from '../choice.ts'
import type { PreferenceName } from '../preferences.ts'
import type { UserStore } from '../store.ts'

/** A store, and the application's users table that it reads. Both are empty at the start of each case. */
export interface StoreUnderTest {
  readonly store: UserStore
  /** Writes a row. Ids are digits. */
  putUser(id: string, values: { readonly email: string | null; readonly plan: string }): Promise<void>
  deleteUser(id: string): Promise<void>
}

/** What a `UserStore` has to do, whatever it is made of. */
export interface StoreCase {
  readonly name: string
  /** Rejects when the store does otherwise. */
  run(under: StoreUnderTest): Promise<void>
}

const AT = 1_763_740_000
const ANN = { email: 'Ann@example.com', plan: 'free' }

const optOut = (store: UserStore, userIds: readonly string[], name: PreferenceName = 'marketing') =>
  store.changeChoices(userIds, (choices) => ({
    write: new Map([[name, choose(choices.get(name), false, AT)]]),
    result: choices.size,
  }))
const idsOf = (page: Awaited<ReturnType<UserStore['page']>>) =>
  page.map((row) => ('problem' in row ? row.userId : row.user.id))
const sent = (store: UserStore, userId: string, timestamp: number) =>
  store.finishSync([{ userId, timestamp, contentHash: 'hash' }])
async function hashOf(store: UserStore, userId: string): Promise<string | null | undefined> {
  const row = (await store.page(undefined, 100)).find((each) => 'user' in each && each.user.id === userId)
  return row !== undefined && 'user' in row ? row.contentHash : undefined
}

/**
 * The contract of `UserStore` as cases for any test runner:
 *
 *     for (const { name, run } of USER_STORE_CONTRACT) it(name, async () => run(await emptyStore()))
 */
export const USER_STORE_CONTRACT: readonly StoreCase[] = [
  {
    name: 'finds the row’s own key by another spelling, and nobody by what can be no key',
    async run({ store, putUser }) {
      await putUser('7', ANN)
      assert.deepEqual(await store.findKey(' 7 '), { id: '7', email: ANN.email })
      assert.equal((await store.findUser('7'))?.values.plan, 'free')
      assert.equal(await store.spellKey(' 8 '), '8')
      for (const id of ['8', '', '7\0']) assert.equal(await store.findKey(id), undefined)
      assert.equal(await store.spellKey('7\0'), undefined)
      assert.equal(await store.findUser('7\0'), undefined)
    },
  },
  {
    name: 'finds everybody with an address, however it is written',
    async run({ store, putUser }) {
      await putUser('1', ANN)
      await putUser('2', { ...ANN, email: 'ann@EXAMPLE.com' })
      await putUser('3', { ...ANN, email: 'joann@example.com' })
      await putUser('4', { ...ANN, email: null })
      const found = await store.findUsersByEmail('Ann <ANN@example.com>')
      assert.deepEqual(found.map(({ id }) => id).toSorted(), ['1', '2'])
      for (const address of ['', '%', 'a\0@example.com']) assert.deepEqual(await store.findUsersByEmail(address), [])
    },
  },
  {
    name: 'changes choices one after the other, for all users or for none',
    async run({ store, putUser }) {
      await putUser('1', ANN)
      await putUser('2', ANN)
      await Promise.all(
        Array.from({ length: 8 }, (_, topic) =>
          optOut(store, topic % 2 ? ['1', '2'] : ['2', '1'], `topic_${topic + 1}`),
        ),
      )
      for (const id of ['1', '2']) assert.equal((await store.readChoices(id)).size, 8)
      const failing = store.changeChoices(['1', '2'], (choices, userId) => {
        if (userId === '2') throw new Error('no decision')
        return { write: new Map([['marketing' as const, choose(choices.get('marketing'), false, AT)]]), result: 1 }
      })
      await assert.rejects(failing, /no decision/)
      assert.equal((await store.readChoices('1')).get('marketing'), undefined)
      assert.deepEqual([...(await optOut(store, ['1', '9'])).keys()], ['1'])
    },
  },
  {
    name: 'keeps every part of a choice',
    async run({ store, putUser }) {
      await putUser('1', ANN)
      const choice = aboutToPublish(choose(undefined, false, AT), AT + 1)
      for (const name of ['marketing', 'transactional', 'topic_7', 'channel_in_app'] as const) {
        await store.changeChoices(['1'], () => ({ write: new Map([[name, choice]]), result: undefined }))
        assert.deepEqual((await store.readChoices('1')).get(name), choice)
      }
      assert.deepEqual(await store.readChoices('2'), new Map())
    },
  },
  {
    name: 'keeps the newest word on each address of a user',
    async run({ store, putUser }) {
      await putUser('1', ANN)
      assert.equal(await store.recordDeliverability('1', 'a@example.com', false, AT), true)
      assert.equal(await store.recordDeliverability('1', 'b@example.com', false, AT + 9), true)
      assert.equal(await store.recordDeliverability('1', 'a@example.com', true, AT - 1), false)
      assert.deepEqual((await store.undeliverableMailboxes('1')).toSorted(), ['a@example.com', 'b@example.com'])
      assert.equal(await store.recordDeliverability('1', 'a@example.com', true, AT + 1), true)
      assert.deepEqual(await store.undeliverableMailboxes('1'), ['b@example.com'])
      assert.deepEqual(await store.undeliverableMailboxes('2'), [])
    },
  },
  {
    name: 'gives every user once, a page at a time',
    async run({ store, putUser }) {
      for (let id = 1; id <= 12; id++) await putUser(String(id), ANN)
      await optOut(store, ['3'])
      const seen: string[] = []
      for (let page = await store.page(undefined, 5); page.length > 0; page = await store.page(seen.at(-1), 5)) {
        seen.push(...idsOf(page))
        for (const row of page) assert.equal('user' in row && row.hasPending, 'user' in row && row.user.id === '3')
      }
      assert.equal(seen.length, 12)
      assert.equal(new Set(seen).size, 12)
      assert.equal(await store.countUsers(), 12)
      assert.equal(await store.countWithoutKey(), 0)
    },
  },
  {
    name: 'gives each sync of a user a later time, and notes the hash of the last one only',
    async run({ store, putUser }) {
      await putUser('1', ANN)
      const [first] = await store.beginSync(['1', '9'], AT)
      const [second] = await store.beginSync(['1'], AT)
      assert.equal(first?.timestamp, AT)
      assert.equal(second?.timestamp, AT + 1)
      assert.equal(second?.user.values.plan, 'free')
      await sent(store, '1', AT)
      assert.equal(await hashOf(store, '1'), null)
      await sent(store, '1', AT + 1)
      assert.equal(await hashOf(store, '1'), 'hash')
    },
  },
  {
    name: 'forgets a sync also when that is asked for between publish and finish',
    async run({ store, putUser }) {
      await putUser('1', ANN)
      const [begun] = await store.beginSync(['1'], AT)
      await store.forgetSync('1')
      await sent(store, '1', begun?.timestamp ?? 0)
      assert.equal(await hashOf(store, '1'), null)
    },
  },
  {
    name: 'takes no time that is far ahead of its own clock',
    async run({ store, putUser }) {
      await putUser('1', ANN)
      const [begun] = await store.beginSync(['1'], 4_000_000_000)
      assert.ok(begun !== undefined && begun.timestamp < 4_000_000_000 - 86_400)
    },
  },
  {
    name: 'keeps a deletion as long as the row is there, and with it nothing else of the user',
    async run({ store, putUser, deleteUser }) {
      await putUser('1', ANN)
      await optOut(store, ['1'])
      await store.beginSync(['1'], AT)
      await store.recordDeliverability('1', 'a@example.com', false, AT)
      assert.deepEqual(await store.beginDeletion({ userId: '1', email: 'a@example.com' }), {
        userId: '1',
        email: 'a@example.com',
      })
      assert.deepEqual(await store.beginDeletion({ userId: '1', email: null }), { userId: '1', email: 'a@example.com' })
      const isGone = async () => {
        assert.deepEqual(idsOf(await store.page(undefined, 9)), [])
        assert.deepEqual(await store.beginSync(['1'], AT), [])
        assert.equal((await optOut(store, ['1'])).size, 0)
        assert.equal(await store.recordDeliverability('1', 'a@example.com', false, AT), false)
        assert.equal((await store.readChoices('1')).size, 0)
        assert.deepEqual(await store.undeliverableMailboxes('1'), [])
      }
      await isGone()
      assert.equal((await store.unfinishedDeletions(undefined, 9)).length, 1)
      await store.finishDeletion('1', AT)
      assert.deepEqual(await store.unfinishedDeletions(undefined, 9), [])
      await store.forgetDeletions()
      await isGone()
      await deleteUser('1')
      await store.forgetDeletions()
      await putUser('1', ANN)
      assert.deepEqual(idsOf(await store.page(undefined, 9)), ['1'])
    },
  },
  {
    name: 'misses who was synced and is gone, unless they were deleted',
    async run({ store, putUser, deleteUser }) {
      for (const id of ['1', '2', '3']) await putUser(id, ANN)
      await store.beginSync(['1', '2', '3'], AT)
      await deleteUser('1')
      await deleteUser('2')
      await store.beginDeletion({ userId: '2', email: null })
      assert.deepEqual(await store.missingUsers(undefined, 9), ['1'])
      assert.deepEqual(await store.missingUsers('1', 9), [])
    },
  },
  {
    name: 'keeps a webhook once, byte for byte',
    async run({ store }) {
      const about = { receivedAt: AT, reason: 'not_json', error: 'the body is not JSON' }
      const webhook = { ...about, key: 'k1', attributes: { event_id: 'a\0' }, body: Buffer.from([0, 255, 10]) }
      await store.keepWebhook(webhook)
      await store.keepWebhook({ ...webhook, body: Buffer.from('other') })
      await store.keepWebhook({ ...webhook, key: 'k2' })
      assert.deepEqual(await store.unreadWebhooks(undefined, 1), [webhook])
      assert.deepEqual(await store.unreadWebhooks('k1', 9), [{ ...webhook, key: 'k2' }])
      await store.forgetWebhook('k1')
      assert.equal((await store.unreadWebhooks(undefined, 9)).length, 1)
    },
  },
]
