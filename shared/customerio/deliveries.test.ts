import { APIClient } from 'customerio-node'
import { manualClock } from '../clock/testing/manual-clock.ts'
import { type DeliveryQuery, deliveriesOf } from './deliveries.ts'
import { type SdkRequest, useTransport } from './transport.ts'

const BY_TEMPLATE: DeliveryQuery = { transactionalMessageId: 5, createdFrom: 100, createdUntil: 200 }

/** The list as it is read from these pages, the last of which comes again and again; `msPerPage` is how long each takes. */
async function read(query: DeliveryQuery, pages: readonly unknown[], msPerPage = 0) {
  const clock = manualClock()
  const asked: string[] = []
  const client = new APIClient('key', { url: 'http://customerio.test/v1' })
  useTransport(client, {
    ...{ timeoutMs: 1_000, clock },
    exchange: async ({ uri }: SdkRequest) => {
      asked.push(uri)
      return { kind: 'no_request', code: 'unused' }
    },
  })
  const found = await deliveriesOf(
    query,
    async (call) => {
      await call(client)
      clock.advance(msPerPage)
      const page = pages[Math.min(asked.length, pages.length) - 1]
      return typeof page === 'string' ? page : JSON.stringify(page)
    },
    clock.now,
  )
  return { found, asked }
}

const listed = (fields: object) => ({ messages: [{ id: 'd1', created: 150, ...fields }] })

it.each(['id', 'email', 'cio_id'] as const)('asks for the deliveries to a person by %s', async (identifier) => {
  const query = { person: { identifier, value: 'ann@x.com' }, createdFrom: 100, createdUntil: 200 }
  const { asked } = await read(query, [{}])
  const url = new URL(asked[0] ?? '')
  expect(url.pathname).toBe('/v1/customers/ann%40x.com/messages')
  expect(Object.fromEntries(url.searchParams)).toEqual({
    ...{ id_type: identifier, start_ts: '100', end_ts: '200', limit: '1000' },
  })
})

it('tells of a delivery what Customer.io lists of it', async () => {
  const whole = {
    ...{ recipient: 'ann@x.com', type: 'email', transactional_message_id: '5' },
    customer_identifiers: { id: 'u1', email: 'ann@x.com', cio_id: 'c1' },
  }
  expect((await read(BY_TEMPLATE, [listed(whole)])).found).toEqual([
    {
      ...{ deliveryId: 'd1', created: 150, recipient: 'ann@x.com', type: 'email' },
      ...{ transactional: true, transactionalMessageId: 5 },
      person: { id: 'u1', email: 'ann@x.com', cio_id: 'c1' },
    },
  ])
})

it.each([
  ['nothing', {}, { person: {}, recipient: undefined, type: undefined, transactionalMessageId: undefined }],
  [
    'empty fields',
    { recipient: '', customer_identifiers: { id: '', email: null } },
    { person: {}, recipient: undefined },
  ],
  ['the old field of the id', { customer_id: 7 }, { person: { id: '7' } }],
  ['both', { customer_id: 'old', customer_identifiers: { id: 'u1' } }, { person: { id: 'u1' } }],
  ['a campaign', { campaign_id: 3 }, { transactional: false }],
  ['a newsletter', { newsletter_id: '3' }, { transactional: false }],
  ['a broadcast', { broadcast_id: 3 }, { transactional: false }],
  [
    'ids of 0',
    { campaign_id: 0, transactional_message_id: 0 },
    { transactional: true, transactionalMessageId: undefined },
  ],
])('reads a delivery with %s', async (_, fields, expected) => {
  expect((await read(BY_TEMPLATE, [listed(fields)])).found).toEqual([expect.objectContaining(expected)])
})

it('asks each page by what the one before it named, and for no page where none is named', async () => {
  const { found, asked } = await read(BY_TEMPLATE, [{ ...listed({}), next: 'p2' }, listed({ id: 'd2' })])
  expect(found).toMatchObject([{ deliveryId: 'd1' }, { deliveryId: 'd2' }])
  expect(asked.map((uri) => new URL(uri).searchParams.get('start'))).toEqual([null, 'p2'])
})

it('gives up after ten pages', async () => {
  const { found, asked } = await read(BY_TEMPLATE, [{ messages: [], next: 'again' }])
  expect(found).toEqual({ kind: 'too_many', error: 'the list of deliveries has more than 10000 entries' })
  expect(asked).toHaveLength(10)
})

it.each([
  [5_000, 2],
  [5_001, 1],
])('asks for no page once five seconds are over: after %d ms it has asked for %d', async (msPerPage, pages) => {
  const { found, asked } = await read(BY_TEMPLATE, [{ messages: [], next: 'again' }], msPerPage)
  expect(found).toEqual({ kind: 'too_many', error: 'the list of deliveries takes longer than 5 s to read' })
  expect(asked).toHaveLength(pages)
})

it.each(['', '[]', '{"messages":[{"id":7,"created":1}]}', '{"messages":[{"id":"d1"}]}', '{"next":7}'])(
  'takes %j for no list',
  async (body) => {
    const error = 'the list of deliveries has an unknown form'
    expect((await read(BY_TEMPLATE, [body])).found).toEqual({ kind: 'uncertain', error })
  },
)
