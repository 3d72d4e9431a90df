import { migrate, PostgresUserStore, parseMapping, UserMessagingRepository } from '../index.ts'
import { insertUser, MAPPING_YAML, RecordingPublisher, USERS_SQL } from './people.ts'
import type { TestPostgres } from './postgres.ts'
import { clickWebhook, topicsWebhook, webhookOf } from './webhooks.ts'

const mapping = parseMapping(MAPPING_YAML)
const SECOND = 1_763_740_000

/** What the repository does on a PostgreSQL, which may have one session only. */
export function repositoryWorksOn(name: string, start: () => Promise<TestPostgres>): void {
  describe(`UserMessagingRepository on ${name}`, () => {
    let postgres: TestPostgres
    let publisher: RecordingPublisher
    let repository: UserMessagingRepository
    let clock: { seconds: number }

    beforeAll(async () => {
      postgres = await start()
      await postgres.pool.query(USERS_SQL)
      await Promise.all([migrate(postgres.pool), migrate(postgres.pool)])
    }, 60_000)
    afterAll(() => postgres[Symbol.asyncDispose]())

    beforeEach(async () => {
      await postgres.pool.query(
        `TRUNCATE users, customerio.preferences, customerio.addresses, customerio.sync_state, customerio.deletions,
           customerio.unread_webhooks`,
      )
      publisher = new RecordingPublisher()
      clock = { seconds: SECOND }
      repository = open()
      await insertUser(postgres.pool, 1, { email: 'Ann@example.com' })
    })

    const open = () =>
      new UserMessagingRepository({
        store: new PostgresUserStore(postgres.pool, mapping),
        mapping,
        publisher,
        now: () => clock.seconds * 1_000 + 999,
      })
    const rows = async (table: string) => (await postgres.pool.query(`SELECT * FROM customerio.${table}`)).rows

    describe('syncing one user', () => {
      it('sends the mapped columns in their types, and nothing else', async () => {
        expect(await repository.syncUser('1')).toBe('published')
        expect(publisher.take()).toEqual([
          {
            kind: 'identify',
            message: {
              identifiers: { id: '1' },
              attributes: {
                email: 'Ann@example.com',
                first_name: 'Name 1',
                plan: 'free',
                credit: 1.5,
                is_admin: false,
                created_at: 1_767_323_045,
                tags: ['a'],
              },
              timestamp: SECOND,
            },
            options: { unordered: false },
          },
        ])
      })

      it('sends nothing when nothing has changed, and a null when a value was removed', async () => {
        await repository.syncUser('1')
        expect(await repository.syncUser('1')).toBe('unchanged')
        await postgres.pool.query('UPDATE users SET plan = NULL')
        publisher.take()
        await repository.syncUser('1')
        expect(publisher.takeAttributes()).toEqual([expect.objectContaining({ plan: null })])
      })

      it('gives a later sync a later time, so that Customer.io keeps the newer row whatever arrives first', async () => {
        await Promise.all([1, 2, 3].map(() => repository.syncUser('1', { force: true })))
        const times = publisher.take().map((entry) => entry.kind === 'identify' && entry.message.timestamp)
        expect(times.sort()).toEqual([SECOND, SECOND + 1, SECOND + 2])
      })

      it('sends again what was not confirmed, and what was confirmed to a process that died', async () => {
        for (const fault of ['refused', 'lost_answer'] as const) {
          publisher.fault = () => fault
          await expect(repository.syncUser('1')).rejects.toThrow('no connection')
        }
        publisher.fault = () => 'none'
        expect(await repository.syncUser('1')).toBe('published')
        expect(publisher.take()).toHaveLength(2)
      })

      it('takes another spelling of a key for the row’s own, everywhere', async () => {
        for (const spelling of ['01', ' 1', '+1', '1 ']) {
          await repository.updatePreferences(spelling, { marketing: false })
          await repository.syncUser(spelling, { force: true })
          await repository.markDeliverable(spelling)
          await repository.sendTransactional(spelling, { channel: 'push', transactional_message_id: 1 })
          await repository.handleWebhookEvent(clickWebhook(spelling, 'subscribed', clock.seconds + 60))
          expect((await repository.getPreferences('1')).marketing).toBe(true)
          await repository.onDeadLetter({ data: JSON.stringify({ identifiers: { id: spelling } }) })
          clock.seconds += 120
        }
        await repository.onUserDeleted({ id: '01' })
        for (const entry of publisher.take()) {
          const person = 'person' in entry ? entry.person : entry.message.identifiers
          if (!('email' in person)) expect(person).toEqual({ id: '1' })
        }
        for (const table of ['preferences', 'sync_state', 'addresses']) expect(await rows(table)).toEqual([])
        await expect(repository.onUserDeleted({ id: 'x' })).rejects.toThrow('no such user')
      })

      it('says that a user is unknown, also when the id could not even be a key of the table', async () => {
        for (const id of ['2', 'not a number', '99999999999999999999', '']) {
          await expect(repository.syncUser(id)).rejects.toThrow('no such user')
          await expect(repository.getPreferences(id)).rejects.toThrow('no such user')
          await expect(repository.updatePreferences(id, { marketing: false })).rejects.toThrow('no such user')
          await expect(repository.markDeliverable(id)).rejects.toThrow('no such user')
          await expect(
            repository.sendTransactional(id, { channel: 'email', transactional_message_id: 1 }),
          ).rejects.toThrow('no such user')
        }
        expect(publisher.take()).toEqual([])
      })

      it('names the attribute but not the value of a row that cannot be sent', async () => {
        await postgres.pool.query(`UPDATE users SET credit = 'NaN'`)
        await expect(repository.syncUser('1')).rejects.toThrow(
          'the user cannot be sent: the value for attribute credit is no number',
        )
      })
    })

    describe('the store', () => {
      it('counts users, and knows nobody by address where the table has none', async () => {
        const store = new PostgresUserStore(postgres.pool, { ...mapping, email: undefined })
        expect(await store.countUsers()).toBe(1)
        expect(await store.findUsersByEmail('ann@example.com')).toEqual([])
        expect(await store.findUser('1')).toMatchObject({ email: null })
      })

      it('writes all or nothing of a change', async () => {
        const store = new PostgresUserStore(postgres.pool, mapping)
        const failing = store.changeChoices(['1'], () => {
          throw new Error('no decision')
        })
        await expect(failing).rejects.toThrow('no decision')
        expect([...(await store.changeChoices(['1'], () => ({ write: new Map(), result: 'fine' })))]).toEqual([
          ['1', 'fine'],
        ])
      })

      it('lets errors of the database through', async () => {
        const store = new PostgresUserStore(postgres.pool, { ...mapping, table: 'nowhere' })
        await expect(store.findUser('1')).rejects.toThrow('nowhere')
        const repository = new UserMessagingRepository({ store, mapping, publisher })
        await expect(repository.syncAll()).rejects.toThrow('nowhere')
      })
    })

    describe('syncing all', () => {
      beforeEach(async () => {
        for (let id = 2; id <= 25; id++) await insertUser(postgres.pool, id)
      })

      it('sends every user once, in order of the keys and not of their text, and none in a second run', async () => {
        const pages: (string | undefined)[] = []
        const done = await repository.syncAll({
          pageSize: 10,
          onPage: (progress) => void pages.push(progress.checkpoint),
        })
        expect(done).toEqual({
          checkpoint: '25',
          seen: 25,
          unchanged: 0,
          changed: 25,
          preferences: 0,
          deletions: 0,
          invalid: 0,
          missing: 0,
        })
        expect(pages).toEqual(['10', '20', '25'])
        const sent = publisher.take()
        expect(new Set(sent.map((entry) => entry.kind === 'identify' && entry.message.identifiers)).size).toBe(25)
        expect(sent.every((entry) => entry.options?.unordered)).toBe(true)
        expect(await repository.syncAll()).toMatchObject({ seen: 25, unchanged: 25, changed: 0 })
        expect(publisher.take()).toEqual([])
      })

      it('goes on from a checkpoint', async () => {
        expect(await repository.syncAll({ after: '20' })).toMatchObject({ seen: 5, changed: 5 })
      })

      it('sends whoever was not confirmed before a failure, and only them', async () => {
        let left = 13
        publisher.fault = () => (left-- > 0 ? 'none' : 'refused')
        await expect(repository.syncAll({ pageSize: 10 })).rejects.toThrow('no connection')
        publisher.fault = () => 'none'
        expect(publisher.take()).toHaveLength(13)
        expect(await repository.syncAll({ pageSize: 10 })).toMatchObject({ changed: 12, unchanged: 13 })
      })

      it('changes nothing in a dry run but tells the differences', async () => {
        const differences: string[] = []
        const dry = await repository.syncAll({ dryRun: true, onDifference: (userId) => differences.push(userId) })
        expect(dry).toMatchObject({ changed: 25 })
        expect(differences).toHaveLength(25)
        expect(publisher.take()).toEqual([])
        expect(await rows('sync_state')).toEqual([])
      })

      it('goes round a user who cannot be sent, and reports them', async () => {
        await postgres.pool.query(`UPDATE users SET credit = 'Infinity' WHERE id = 7`)
        const invalid: unknown[] = []
        const done = await repository.syncAll({ onInvalid: (user) => invalid.push(user) })
        expect(done).toMatchObject({ seen: 25, changed: 24, invalid: 1 })
        expect(invalid).toEqual([{ userId: '7', problem: 'the value for attribute credit is no number' }])
      })

      it('counts a user once whom only the publisher finds invalid', async () => {
        publisher.fault = () => 'invalid'
        const all = { seen: 25, unchanged: 0, changed: 0, invalid: 25 }
        expect(await repository.syncAll()).toMatchObject(all)
      })

      it('waits where it is told to before it publishes, and stops after a page when aborted', async () => {
        const abort = new AbortController()
        const paced: number[] = []
        const done = await repository.syncAll({
          pageSize: 10,
          pace: async (messages) => void paced.push(messages),
          onPage: () => abort.abort(),
          signal: abort.signal,
        })
        expect(paced).toEqual([10])
        expect(done.checkpoint).toBe('10')
      })

      it('tells choices that were stored but not published', async () => {
        publisher.fault = () => 'refused'
        expect(await repository.updatePreferences('3', { marketing: false })).toMatchObject({ customerio: 'pending' })
        publisher.fault = () => 'none'
        expect(await repository.syncAll({ after: '2', pageSize: 1 })).toMatchObject({ preferences: 1 })
        expect(publisher.takeAttributes()[0]).toEqual({ unsubscribed: true })
      })

      it('leaves nothing out when two run at once', async () => {
        await Promise.all([repository.syncAll({ pageSize: 5 }), open().syncAll({ pageSize: 7 })])
        expect(await repository.syncAll()).toMatchObject({ unchanged: 25 })
      })
    })

    describe('preferences', () => {
      it('are allowed until somebody says otherwise', async () => {
        expect(await repository.getPreferences('1')).toEqual({
          marketing: true,
          transactional: true,
          topics: {},
          channels: {},
          emailDeliverable: true,
        })
      })

      it('are stored and told: one topic or channel by its dotted key, and never by a suppression', async () => {
        const updated = await repository.updatePreferences('1', {
          marketing: false,
          transactional: false,
          topics: { 7: false, 8: true },
          channels: { email: false, in_app: true },
        })
        expect(updated).toEqual({
          preferences: {
            marketing: false,
            transactional: false,
            topics: { 7: false, 8: true },
            channels: { email: false, in_app: true },
            emailDeliverable: true,
          },
          customerio: 'published',
        })
        expect(publisher.take()).toEqual([
          {
            kind: 'identify',
            message: {
              identifiers: { id: '1' },
              attributes: {
                unsubscribed: true,
                transactional_opt_in: false,
                'cio_subscription_preferences.topics.topic_7': false,
                'cio_subscription_preferences.topics.topic_8': true,
                'cio_subscription_preferences.channels.email': false,
                'cio_subscription_preferences.channels.in_app': true,
              },
              timestamp: SECOND,
            },
          },
        ])
      })

      it('chosen twice within a second reach Customer.io with two times', async () => {
        await repository.updatePreferences('1', { marketing: false })
        await repository.updatePreferences('1', { marketing: true })
        expect(publisher.take()).toMatchObject([
          { message: { attributes: { unsubscribed: true }, timestamp: SECOND } },
          { message: { attributes: { unsubscribed: false }, timestamp: SECOND + 1 } },
        ])
      })

      it('changed by many at once all survive', async () => {
        await Promise.all(
          Array.from({ length: 12 }, (_, i) => repository.updatePreferences('1', { topics: { [i + 1]: i % 2 === 0 } })),
        )
        expect(Object.keys((await repository.getPreferences('1')).topics)).toHaveLength(12)
        expect((await rows('preferences')).filter((row) => row.pending)).toEqual([])
      })

      it('that were never a topic or a channel are refused before anything is stored', async () => {
        await expect(repository.updatePreferences('1', { topics: { [-1]: true } })).rejects.toThrow('whole number')
        const channels = { fax: false } as object
        await expect(repository.updatePreferences('1', { channels })).rejects.toThrow('a channel is one of email')
        expect(await rows('preferences')).toEqual([])
      })

      it('survive a crash after the commit: told by the next sync', async () => {
        publisher.fault = () => 'refused'
        await repository.updatePreferences('1', { marketing: false })
        publisher.fault = () => 'none'
        await open().syncUser('1')
        expect(publisher.takeAttributes()).toEqual([{ unsubscribed: true }, expect.anything()])
      })
    })

    describe('webhooks', () => {
      it('change the preferences and are not sent back', async () => {
        const result = await repository.handleWebhookEvent(clickWebhook('1', 'unsubscribed', SECOND))
        expect(result).toEqual({
          kind: 'handled',
          userId: '1',
          choices: { marketing: 'accepted' },
          undeliverable: false,
        })
        await repository.handleWebhookEvent(topicsWebhook('1', { topic_7: false }, SECOND))
        expect(await repository.getPreferences('1')).toMatchObject({ marketing: false, topics: { 7: false } })
        await repository.syncUser('1')
        await repository.syncAll({ force: true })
        expect(publisher.takeAttributes().every((attributes) => !JSON.stringify(attributes).includes('subscri'))).toBe(
          true,
        )
      })

      it('that are late never overwrite a newer choice', async () => {
        await repository.updatePreferences('1', { marketing: true })
        const late = clickWebhook('1', 'unsubscribed', SECOND - 60)
        expect(await repository.handleWebhookEvent(late)).toMatchObject({ choices: { marketing: 'late' } })
        expect((await repository.getPreferences('1')).marketing).toBe(true)
      })

      it('that are newer win, once, however often and concurrently they come', async () => {
        await repository.updatePreferences('1', { marketing: true })
        publisher.take()
        const event = clickWebhook('1', 'unsubscribed', SECOND + 60)
        await Promise.all([1, 2, 3, 4].map(() => repository.handleWebhookEvent(event)))
        expect((await repository.getPreferences('1')).marketing).toBe(false)
        expect(publisher.take()).toEqual([])
      })

      it('of an opt-out win over the app’s own toggle of within the hour, and later word of it over that', async () => {
        await repository.updatePreferences('1', { marketing: false })
        clock.seconds += 60
        await repository.updatePreferences('1', { marketing: true })
        publisher.take()
        await repository.handleWebhookEvent(webhookOf('1', 'unsubscribed', SECOND + 90))
        expect((await repository.getPreferences('1')).marketing).toBe(false)
        // It was our own after all: what was chosen after it has reached Customer.io since.
        await repository.handleWebhookEvent(webhookOf('1', 'subscribed', SECOND + 91))
        expect((await repository.getPreferences('1')).marketing).toBe(true)
        expect(publisher.take()).toEqual([])
      })

      it('about channels change them', async () => {
        const content = { topics: { topic_7: true }, channels: { email: false, line: 'true' } }
        await repository.handleWebhookEvent(
          webhookOf('1', 'cio_subscription_preferences_changed', SECOND, { content: JSON.stringify(content) }),
        )
        expect(await repository.getPreferences('1')).toMatchObject({
          topics: { 7: true },
          channels: { email: false, line: true },
        })
      })

      it('of a complaint opt out of marketing, tell Customer.io and mark the address', async () => {
        const complaint = webhookOf('1', 'spammed', SECOND, { object_type: 'email', recipient: 'ann@EXAMPLE.com' })
        expect(await repository.handleWebhookEvent(complaint)).toMatchObject({ undeliverable: true })
        expect(await repository.getPreferences('1')).toMatchObject({ marketing: false, emailDeliverable: false })
        expect(publisher.takeAttributes()).toEqual([{ unsubscribed: true }])
      })

      it('of a hard bounce count against that address only, until it is mended', async () => {
        const bounce = webhookOf('1', 'bounced', SECOND, { object_type: 'email', recipient: 'ann@example.com' })
        expect(await repository.handleWebhookEvent(bounce)).toMatchObject({ undeliverable: true, choices: {} })
        expect(await repository.handleWebhookEvent(bounce)).toMatchObject({ undeliverable: false })
        expect(await repository.getPreferences('1')).toMatchObject({ marketing: true, emailDeliverable: false })

        await postgres.pool.query(`UPDATE users SET email = 'new@example.com'`)
        expect((await repository.getPreferences('1')).emailDeliverable).toBe(true)

        await postgres.pool.query(`UPDATE users SET email = 'ann@example.com'`)
        clock.seconds += 1
        await repository.markDeliverable('1')
        await repository.handleWebhookEvent(bounce)
        expect((await repository.getPreferences('1')).emailDeliverable).toBe(true)
      })

      it('find people who have no id by their address, and in doubt opt out everybody who has it', async () => {
        const event = (metric: string, email: string) =>
          webhookOf('', metric, SECOND, { identifiers: { id: null, email }, customer_id: null })
        expect(await repository.handleWebhookEvent(event('subscribed', 'ANN@example.com'))).toMatchObject({
          userId: '1',
        })
        await insertUser(postgres.pool, 2, { email: 'ann@EXAMPLE.com' })
        clock.seconds += 1
        const optOut = webhookOf('', 'unsubscribed', SECOND + 1, {
          identifiers: { id: null, email: 'Ann <ann@example.com>' },
          customer_id: null,
        })
        expect(await repository.handleWebhookEvent(optOut)).toMatchObject({ userId: '1', sharedWith: ['2'] })
        for (const id of ['1', '2']) expect((await repository.getPreferences(id)).marketing).toBe(false)
        const optIn = webhookOf('', 'subscribed', SECOND + 2, {
          identifiers: { email: 'ann@example.com' },
          customer_id: null,
        })
        expect(await repository.handleWebhookEvent(optIn)).toMatchObject({ choices: {} })
        for (const id of ['1', '2']) expect((await repository.getPreferences(id)).marketing).toBe(false)
      })

      it('find an address of an internationalised domain however it is written', async () => {
        await postgres.pool.query(`UPDATE users SET email = 'ann@bücher.example'`)
        const event = webhookOf('', 'unsubscribed', SECOND, {
          identifiers: { email: 'ANN@xn--bcher-kva.example' },
          customer_id: null,
        })
        expect(await repository.handleWebhookEvent(event)).toMatchObject({ kind: 'handled', userId: '1' })
      })

      it('count a bounce for its address, whatever happens to another of the same user', async () => {
        const bounce = (recipient: string, at: number) =>
          repository.handleWebhookEvent(webhookOf('1', 'bounced', at, { object_type: 'email', recipient }))
        await bounce('ann@example.com', SECOND)
        await bounce('old@example.com', SECOND + 60)
        expect((await repository.getPreferences('1')).emailDeliverable).toBe(false)
        const to = { channel: 'email', transactional_message_id: 1, to: 'Old@example.com' } as const
        expect(await repository.sendTransactional('1', to)).toMatchObject({ reason: 'undeliverable' })
      })

      it('do not take a complaint about another address for the user', async () => {
        for (const identifiers of [{ id: '1' }, { id: '1', email: 'ann@example.com' }]) {
          const complaint = webhookOf('1', 'spammed', SECOND, {
            object_type: 'email',
            recipient: 'boss@example.com',
            identifiers,
          })
          await repository.handleWebhookEvent(complaint)
          expect(await repository.getPreferences('1')).toMatchObject({ marketing: true, emailDeliverable: true })
        }
        const to = { channel: 'email', transactional_message_id: 1, to: 'boss@example.com' } as const
        expect(await repository.sendTransactional('1', to)).toMatchObject({ reason: 'undeliverable' })
      })

      it('of a message to several addresses count for each of them, since nobody says for which', async () => {
        const about = (metric: string, recipient: string) =>
          repository.handleWebhookEvent(webhookOf('1', metric, SECOND, { object_type: 'email', recipient }))
        await about('spammed', 'boss@example.com, "Doe, Ann" <ANN@example.com>')
        expect(await repository.getPreferences('1')).toMatchObject({ marketing: false, emailDeliverable: false })
        await about('bounced', 'old@example.com, older@example.com')
        for (const to of ['old@example.com', 'older@example.com', 'boss@example.com', 'ann@example.com']) {
          const message = { channel: 'email', transactional_message_id: 1, to } as const
          expect(await repository.sendTransactional('1', message)).toMatchObject({ reason: 'undeliverable' })
        }
      })

      it('that cannot be read are kept, once, told of, and handled when they can be', async () => {
        const broken = webhookOf('1', 'cio_subscription_preferences_changed', SECOND, { content: '{"topics":' })
        for (let times = 0; times < 2; times++) {
          expect(await repository.handleWebhookEvent(broken)).toEqual({
            kind: 'unread',
            reason: 'preferences_not_understood',
          })
        }
        const partly = topicsWebhook('1', { topic_7: false, topic_8: 'perhaps' }, SECOND)
        expect(await repository.handleWebhookEvent(partly)).toMatchObject({
          choices: { topic_7: 'accepted' },
          unread: '1 topics are neither true nor false',
        })
        expect(await rows('unread_webhooks')).toHaveLength(2)
        expect(await repository.rereadWebhooks()).toBe(2)
        const readable = topicsWebhook('1', { topic_8: false }, SECOND).data
        await postgres.pool.query(`UPDATE customerio.unread_webhooks SET body = $1`, [readable])
        expect(await repository.rereadWebhooks()).toBe(0)
        expect((await repository.getPreferences('1')).topics).toEqual({ 7: false, 8: false })
      })

      it.each([
        ['an address', { recipient: 'a\0@example.com', object_type: 'email' }, 'spammed'],
        ['an id', { identifiers: { id: '1\0' } }, 'unsubscribed'],
        ['the only address', { identifiers: { email: 'a\0' }, customer_id: null }, 'unsubscribed'],
      ])('with a NUL in %s are done with', async (_, fields, metric) => {
        await expect(repository.handleWebhookEvent(webhookOf('1', metric, SECOND, fields))).resolves.toBeDefined()
      })

      it('with a NUL in the id of one that cannot be read are done with', async () => {
        const webhook = { event_id: 'a\0', metric: 'unsubscribed', timestamp: SECOND, data: {} }
        await repository.handleWebhookEvent({ data: JSON.stringify(webhook), attributes: { event_id: 'a\0' } })
        expect(await rows('unread_webhooks')).toHaveLength(1)
      })

      it('are not held up by a choice that breaks the contract', async () => {
        publisher.fault = () => 'invalid'
        await repository.updatePreferences('1', { marketing: false })
        expect(await repository.handleWebhookEvent(topicsWebhook('1', { topic_7: false }, SECOND))).toMatchObject({
          choices: { topic_7: 'accepted' },
        })
      })

      it('of strangers change nothing, even when their address is known here', async () => {
        const event = webhookOf('77', 'unsubscribed', SECOND, { identifiers: { id: '77', email: 'ann@example.com' } })
        expect(await repository.handleWebhookEvent(event)).toEqual({ kind: 'ignored', reason: 'unknown_user' })
      })

      it('reject when Pub/Sub is out of reach, and make it up when delivered again', async () => {
        publisher.fault = () => 'refused'
        const complaint = webhookOf('1', 'spammed', SECOND, { object_type: 'email', recipient: 'ann@example.com' })
        await expect(repository.handleWebhookEvent(complaint)).rejects.toThrow('no connection')
        publisher.fault = () => 'none'
        await repository.handleWebhookEvent(complaint)
        expect(publisher.takeAttributes()).toEqual([{ unsubscribed: true }])
      })
    })

    describe('transactional messages', () => {
      const receipt = { channel: 'email', transactional_message_id: 'receipt' } as const

      it('go to the address of the users table, also to somebody who wants no marketing', async () => {
        await repository.updatePreferences('1', { marketing: false })
        publisher.take()
        expect(await repository.sendTransactional('1', receipt, { idempotencyKey: 'order-1' })).toEqual({
          kind: 'published',
          messageId: '1',
        })
        expect(publisher.take()).toEqual([
          {
            kind: 'send',
            message: { ...receipt, identifiers: { id: '1' }, to: 'Ann@example.com' },
            options: { idempotencyKey: 'order-1' },
          },
        ])
      })

      it('are refused to whoever opted out of them, on any channel', async () => {
        await repository.updatePreferences('1', { transactional: false })
        publisher.take()
        const push = { channel: 'push', transactional_message_id: 'receipt' } as const
        for (const message of [receipt, push]) {
          expect(await repository.sendTransactional('1', message)).toEqual({ kind: 'refused', reason: 'opted_out' })
        }
        expect(publisher.take()).toEqual([])
      })

      it('go out on channels without an address', async () => {
        await repository.sendTransactional('1', { channel: 'in_app', transactional_message_id: 2 })
        expect(publisher.take()).toMatchObject([{ message: { channel: 'in_app', identifiers: { id: '1' } } }])
      })

      it('are refused for an address that is dead or missing, but not for another', async () => {
        const bounce = webhookOf('1', 'bounced', SECOND, { object_type: 'email', recipient: 'ann@example.com' })
        await repository.handleWebhookEvent(bounce)
        expect(await repository.sendTransactional('1', receipt)).toEqual({ kind: 'refused', reason: 'undeliverable' })
        expect(await repository.sendTransactional('1', { ...receipt, to: 'work@example.com' })).toMatchObject({
          kind: 'published',
        })
        await postgres.pool.query('UPDATE users SET email = NULL')
        expect(await repository.sendTransactional('1', receipt)).toEqual({ kind: 'refused', reason: 'no_address' })
      })
    })

    describe('a deleted user', () => {
      it('is suppressed by id and address, then deleted, all in their order, and nothing is kept', async () => {
        await repository.updatePreferences('1', { marketing: false })
        await repository.syncUser('1')
        publisher.take()
        await repository.onUserDeleted({ id: '1' })
        expect(publisher.take()).toEqual([
          { kind: 'suppress', person: { id: '1' } },
          { kind: 'suppress', person: { email: 'Ann@example.com' }, options: { orderedAs: { id: '1' } } },
          { kind: 'delete', person: { id: '1' } },
        ])
        for (const table of ['preferences', 'addresses', 'sync_state']) expect(await rows(table)).toEqual([])
      })

      it('is published by no sync while the row is still there, and not remembered after that', async () => {
        await repository.syncAll()
        await repository.onUserDeleted({ id: '1' })
        publisher.take()
        await expect(repository.syncUser('1', { force: true })).rejects.toThrow('no such user')
        expect(await repository.syncAll({ force: true })).toMatchObject({ seen: 0, missing: 0, deletions: 0 })
        expect(publisher.take()).toEqual([])
        expect(await rows('deletions')).toMatchObject([{ user_id: '1', email: null }])
        await postgres.pool.query('DELETE FROM users')
        expect(await repository.syncAll()).toMatchObject({ missing: 0 })
        expect(await rows('deletions')).toEqual([])
      })

      it('whose row went without a call is missed, and not deleted', async () => {
        await insertUser(postgres.pool, 2)
        await repository.syncAll()
        await postgres.pool.query('DELETE FROM users WHERE id = 2')
        publisher.take()
        const missing: string[] = []
        expect(await repository.syncAll({ onMissing: (userId) => missing.push(userId) })).toMatchObject({ missing: 1 })
        expect(missing).toEqual(['2'])
        expect(publisher.take()).toEqual([])
        await repository.onUserDeleted({ id: '2' })
        expect(await repository.syncAll()).toMatchObject({ missing: 0 })
      })

      it('whose row is gone is suppressed by what the caller knows', async () => {
        await postgres.pool.query('DELETE FROM users')
        await repository.onUserDeleted({ id: '1' })
        expect(publisher.take().map(({ kind }) => kind)).toEqual(['suppress', 'delete'])
      })

      it.each([0, 1, 2])('is deleted by the next sync when it was cut off after %d messages', async (accepted) => {
        let left = accepted
        publisher.fault = () => (left-- > 0 ? 'none' : 'refused')
        await expect(repository.onUserDeleted({ id: '1' })).rejects.toThrow('no connection')
        await postgres.pool.query('DELETE FROM users')
        publisher.fault = () => 'none'
        publisher.take()
        expect(await open().syncAll()).toMatchObject({ deletions: 1, seen: 0 })
        expect(publisher.take().map(({ kind }) => kind)).toEqual(['suppress', 'suppress', 'delete'])
        expect(await repository.finishDeletions()).toBe(0)
      })

      it('is neither synced nor changed while Customer.io has not been told, even if the row is still there', async () => {
        publisher.fault = () => 'refused'
        await expect(repository.onUserDeleted({ id: '1' })).rejects.toThrow('no connection')
        publisher.fault = () => 'none'
        await expect(repository.syncUser('1')).rejects.toThrow('no such user')
        await expect(repository.updatePreferences('1', { marketing: true })).rejects.toThrow('no such user')
        const bounce = webhookOf('1', 'bounced', SECOND, { object_type: 'email', recipient: 'ann@example.com' })
        expect(await repository.handleWebhookEvent(bounce)).toMatchObject({ reason: 'unknown_user' })
        expect(await repository.syncAll({ dryRun: true })).toMatchObject({ seen: 0 })
      })
    })

    describe('a dead letter', () => {
      const letter = (body: unknown) => ({ data: Buffer.from(JSON.stringify(body)) })

      it('makes the next sync send its user again, with their own choices but not those of Customer.io', async () => {
        await repository.handleWebhookEvent(topicsWebhook('1', { topic_7: false }, SECOND))
        await repository.updatePreferences('1', { marketing: false })
        await repository.syncUser('1')
        publisher.take()
        const message = { identifiers: { email: 'ann@example.com' }, attributes: { plan: 'x' } }
        expect(await repository.onDeadLetter(letter(message))).toEqual({ kind: 'will_sync', userId: '1' })
        expect(await repository.syncAll()).toMatchObject({ changed: 1, preferences: 1 })
        expect(publisher.takeAttributes()).toEqual([{ unsubscribed: true }, expect.objectContaining({ plan: 'free' })])
      })

      it.each([
        ['no JSON', undefined],
        ['an operation that no sync sends', { action: 'delete', identifiers: { id: '1' } }],
        ['an object', { type: 'object', identifiers: { object_type_id: '1', object_id: 'acme' } }],
        ['a stranger', { identifiers: { id: '2' } }],
        ['somebody known by another identifier', { identifiers: { cio_id: 'd9c106000001' } }],
      ])('of %s is ignored', async (_, body) => {
        expect(await repository.onDeadLetter(body ? letter(body) : { data: '{' })).toEqual({ kind: 'ignored' })
      })
    })
  })
}
