import { once } from 'node:events'
import { type OneFunction, startOneFunction } from './one-function.ts'

let fn: OneFunction
beforeAll(async () => {
  fn = await startOneFunction('track')
}, 60_000)
afterAll(() => fn.close())
beforeEach(async () => {
  fn.customerio.orders.clear()
  await fetch(`${fn.customerio.url}/_local/state`, { method: 'DELETE' })
})

const event = (number: number, note = 'fine') => ({
  identifiers: { id: `u${number % 500}` },
  name: 'order_completed',
  attributes: { number, note },
})

describe('group commit', () => {
  it('puts at least 50 of 1,000 concurrent pushes into a request that takes 50 ms, on average', async () => {
    const { customerio, push } = fn
    customerio.orders.add({ on: 'batch', delayMs: 50, fault: { do: 'delay' } })
    const statuses: number[] = []
    let begun = 0
    const pusher = async () => {
      while (begun < 3_000) statuses.push(await push(event(begun++)))
    }
    await Promise.all(Array.from({ length: 1_000 }, pusher))
    expect(new Set(statuses)).toEqual(new Set([204]))
    expect(customerio.workspace.events.all()).toHaveLength(begun)
    const { batches } = customerio.statistics()
    expect(batches.mean).toBeGreaterThanOrEqual(50)
    expect(batches.largest).toBe(100)
  }, 60_000)

  it('sends one push at a time in a request of its own, at once', async () => {
    const { customerio, push } = fn
    for (let number = 0; number < 50; number++) expect(await push(event(number))).toBe(204)
    expect(customerio.statistics().batches).toMatchObject({ requests: 50, items: 50, largest: 1 })
  })
})

describe('three refused items of 100', () => {
  const CULPRITS = [7, 50, 93]
  const events = Array.from({ length: 100 }, (_, number) =>
    event(number, CULPRITS.includes(number) ? 'refuse-this-item' : 'fine'),
  )

  /** One push more holds Customer.io up until the 100 are there, so that they leave as one batch. */
  async function pushTogether(): Promise<void> {
    const { customerio, push } = fn
    customerio.orders.add({ on: 'batch', containing: ['hold'], delayMs: 2_000, fault: { do: 'delay' } })
    const received = once(customerio.events, 'received')
    const first = push(event(1_000, 'hold'))
    await received
    const statuses = await Promise.all([first, ...events.map((body) => push(body))])
    expect(new Set(statuses)).toEqual(new Set([204]))
  }

  it('cost one request when Customer.io names them in a 207', async () => {
    fn.customerio.orders.add({
      on: 'batch',
      containing: ['refuse-this-item'],
      fault: {
        do: 'refuse_items',
        containing: ['refuse-this-item'],
        error: { reason: 'invalid', field: 'attributes.note', message: 'is not to our liking' },
      },
    })
    await pushTogether()
    expect(fn.customerio.statistics().batches).toMatchObject({ requests: 2, items: 101 })
    expect(fn.customerio.workspace.events.all()).toHaveLength(98)
    const deadLetters = await fn.deadLetters(3)
    expect(deadLetters.map(({ bytes }) => JSON.parse(bytes.toString()))).toEqual(
      expect.arrayContaining(CULPRITS.map((number) => events[number])),
    )
    for (const { attributes } of deadLetters) {
      expect(attributes).toMatchObject({
        reason: 'refused',
        error: 'Customer.io refused the item: attributes.note: invalid: is not to our liking',
        http_status: '207',
      })
    }
  })

  it('are found in at most 40 requests when Customer.io refuses the whole batch', async () => {
    fn.customerio.orders.add({
      on: 'batch',
      containing: ['refuse-this-item'],
      fault: { do: 'refuse', message: 'is not to our liking' },
    })
    await pushTogether()
    expect(fn.customerio.statistics().requests).toBeLessThanOrEqual(1 + 40)
    expect(fn.customerio.workspace.events.all()).toHaveLength(98)
    const deadLetters = await fn.deadLetters(3)
    expect(deadLetters.map(({ bytes }) => JSON.parse(bytes.toString()))).toEqual(
      expect.arrayContaining(CULPRITS.map((number) => events[number])),
    )
    for (const { attributes } of deadLetters) {
      expect(attributes).toMatchObject({
        reason: 'refused',
        error: 'Customer.io answered 400: batch: invalid: is not to our liking',
        http_status: '400',
      })
    }
  })
})

it('answers three pushes that it holds with 204 when SIGTERM comes, and ends', async () => {
  // A batch each, so that Customer.io sees when all three are held.
  const { customerio, push, process, close } = await startOneFunction('identify', {
    environment: { BATCH_MAX_ITEMS: '1' },
  })
  try {
    customerio.orders.add({ on: 'batch', delayMs: 500, fault: { do: 'delay' } })
    const answers = [1, 2, 3].map((number) => push({ identifiers: { id: `u${number}` } }))
    await customerio.until(() => customerio.statistics().requests === 3)
    await process.stop('SIGTERM')
    expect(await Promise.all(answers)).toEqual([204, 204, 204])
  } finally {
    await close()
  }
}, 60_000)
