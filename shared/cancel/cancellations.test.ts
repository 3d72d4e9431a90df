import { manualClock } from '../clock/testing/manual-clock.ts'
import type { ReceivedMessage } from '../delivery/index.ts'
import { cancelCheck, UNREAD_MS } from './cancellations.ts'
import { type CancelRule, textOf } from './rule.ts'

const MAX_AGE_MS = 20_000
const START_MS = Date.parse('2026-11-26T10:00:00Z')
const rule: CancelRule = {
  ...{ id: 'c-1', where: { event: 'sale' }, before: '2026-11-26T09:30:00.000Z', until: '2026-12-03T09:30:00.000Z' },
  ...{ by: 'jane', why: 'wrong prices' },
}
const message: ReceivedMessage = {
  ...{ data: Buffer.alloc(0), dataIsIntact: true, attributes: {}, messageId: '1', publishTime: '2026-11-26T09:00:00Z' },
  ...{ orderingKey: undefined, subscription: 's', deliveryAttempt: 1 },
}

function harness(content: string | Error = textOf([rule])) {
  const clock = manualClock(START_MS)
  const file = { content, reads: 0 }
  const check = cancelCheck('track', (eventName: string) => ({ eventName }), {
    source: { name: 'CANCELLATIONS', file: '/secrets/cancellations/value' },
    maxAgeMs: MAX_AGE_MS,
    clock,
    log: { warning: () => {} },
    readFile: async () => {
      file.reads += 1
      if (file.content instanceof Error) throw file.content
      return file.content
    },
  })
  return {
    clock,
    file,
    ask: (more: Partial<ReceivedMessage> = {}, name = 'sale') => check(name, { ...message, ...more }),
  }
}
const passed = { ok: true, value: 'sale' }
const cancelled = { ok: false, error: 'cancelled by an operator: rule c-1 (cio-gcp cancellations list)' }
const waits = { ok: false, retry: expect.objectContaining({ kind: 'retry', cause: 'configuration' }) }

it('cancels what a rule names, and nothing else', async () => {
  const { ask } = harness()
  expect(await ask()).toEqual(cancelled)
  expect(await ask({}, 'order')).toEqual({ ok: true, value: 'order' })
  expect(await ask({ publishTime: '2026-11-26T09:30:00Z' })).toEqual(passed)
})

it('knows what was published again by the time of its first publish', async () => {
  const { ask } = harness()
  const publishTime = '2026-11-26T09:59:00Z'
  expect(await ask({ publishTime, attributes: { source_publish_time: '2026-11-26T09:29:59.999Z' } })).toEqual(cancelled)
  expect(await ask({ publishTime, attributes: { source_publish_time: 'nonsense' } })).toEqual(passed)
})

it('a rule takes effect while the process runs, and reading costs one read per 20 s', async () => {
  const { ask, file, clock } = harness('unset')
  expect(await ask()).toEqual(passed)
  file.content = textOf([rule])
  clock.advance(MAX_AGE_MS)
  expect(await ask()).toEqual(passed)
  clock.advance(1)
  expect(await ask()).toEqual(cancelled)
  expect(file.reads).toBe(2)
})

it('a rule ends by itself', async () => {
  const { ask, clock } = harness()
  clock.set(Date.parse(rule.until))
  expect(await ask()).toEqual(passed)
})

it('sends nothing while the rules cannot be read: neither at the start, nor once they are old', async () => {
  const atStart = harness(new Error('EIO'))
  expect(await atStart.ask()).toEqual(waits)
  const { ask, file, clock } = harness('unset')
  expect(await ask()).toEqual(passed)
  file.content = new Error('EIO')
  clock.advance(MAX_AGE_MS + UNREAD_MS)
  expect(await ask()).toEqual(passed)
  clock.advance(1_001)
  expect(await ask()).toEqual(waits)
  file.content = 'unset'
  clock.advance(1_001)
  expect(await ask()).toEqual(passed)
})

it('sends nothing while the rules are not what they should be, and names the field', async () => {
  const { ask } = harness('{"rules":[{}]}')
  expect(await ask()).toMatchObject({ retry: { error: expect.stringContaining('rules.0.') } })
})

it('without a secret nothing is cancelled', async () => {
  const options = { source: undefined, maxAgeMs: MAX_AGE_MS, clock: manualClock(0), log: { warning: () => {} } }
  expect(await cancelCheck('track', () => ({}), options)('sale', message)).toEqual(passed)
})
