import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { systemClock } from '../clock/index.ts'
import { manualClock } from '../clock/testing/manual-clock.ts'
import { parseWebhookEvent, type WebhookEvent } from './event.ts'
import { CustomerIOWebhookHandler, type ListenerFailure } from './listeners.ts'

const bounced: WebhookEvent = {
  event_id: '01',
  object_type: 'email',
  metric: 'bounced',
  data: { failure_message: 'no' },
}
const LONG_MS = 10_000
const forever = () => new Promise<void>(() => {})

function handlerWithFailures() {
  const clock = manualClock()
  const webhooks = new CustomerIOWebhookHandler({ clock })
  const failures: ListenerFailure[] = []
  webhooks.on('listenerFailure', (failure) => failures.push(failure))
  /** Dispatches to listeners of which one hangs. */
  const giveUp = async (timeoutMs: number) => {
    const dispatched = webhooks.dispatch(bounced, timeoutMs)
    clock.advance(timeoutMs)
    await dispatched
  }
  return { webhooks, failures, giveUp, tick: clock.advance }
}

it('calls the listeners of the event, of its channel and of everything, in that order', async () => {
  const webhooks = new CustomerIOWebhookHandler({ clock: systemClock })
  const called: string[] = []
  webhooks.on('*', () => called.push('*'))
  webhooks.on('email.*', () => called.push('email.*'))
  webhooks.on('email.bounced', ({ data }) => called.push(`email.bounced ${data?.failure_message}`))
  webhooks.on('email.sent', () => called.push('email.sent'))
  webhooks.on('sms.*', () => called.push('sms.*'))
  await webhooks.dispatch(bounced, LONG_MS)
  expect(called).toEqual(['email.bounced no', 'email.*', '*'])
})

it('calls nobody for the probe', async () => {
  const webhooks = new CustomerIOWebhookHandler({ clock: systemClock })
  const called: string[] = []
  for (const name of ['*', 'probe.*', 'probe.round'] as const) webhooks.on(name, () => called.push(name))
  await webhooks.dispatch({ event_id: '01', object_type: 'probe', metric: 'round' }, LONG_MS)
  expect(called).toEqual([])
})

it('is open for types and metrics that nobody has documented', async () => {
  const webhooks = new CustomerIOWebhookHandler({ clock: systemClock })
  const called: unknown[] = []
  webhooks.on('fax.jammed', (event) => called.push(event.event_id))
  webhooks.on('fax.*', (event) => called.push(event.metric))
  await webhooks.dispatch({ event_id: '02', object_type: 'fax', metric: 'jammed' }, LONG_MS)
  expect(called).toEqual(['02', 'jammed'])
})

it.each([
  ['no type', { event_id: '01', metric: 'sent' }, ['*']],
  ['no metric', { event_id: '01', object_type: 'email' }, ['email.*', '*']],
  ['a type that is no text', { event_id: '01', object_type: 7, metric: 'sent' }, ['*']],
  ['a metric that is no text', { event_id: '01', object_type: 'email', metric: 5 }, ['email.*', '*']],
  ['a metric named *', { event_id: '01', object_type: 'email', metric: '*' }, ['email.*', '*']],
  ['the name of our own event', { event_id: '01', object_type: 'listenerFailure' }, ['*']],
])('calls who listens to what is there: %s', async (_, event, expected) => {
  const webhooks = new CustomerIOWebhookHandler({ clock: systemClock })
  const called: string[] = []
  const noNames = ['7.*', '7.sent', 'email.5', 'undefined.*', 'undefined.sent', 'email.undefined'] as const
  for (const name of ['*', 'email.*', 'email.sent', 'listenerFailure', ...noNames] as const) {
    webhooks.on(name, () => called.push(name))
  }
  const parsed = parseWebhookEvent(Buffer.from(JSON.stringify(event)))
  if (typeof parsed === 'string') throw new Error(parsed)
  await webhooks.dispatch(parsed, LONG_MS)
  expect(called).toEqual(expected)
})

it('waits for async listeners, which run side by side', async () => {
  const webhooks = new CustomerIOWebhookHandler({ clock: systemClock })
  const steps: string[] = []
  let release = () => {}
  const gate = new Promise<void>((resolve) => (release = resolve))
  webhooks.on('email.*', async () => {
    await gate
    steps.push('first ended')
  })
  webhooks.on('*', () => {
    steps.push('second ran')
    release()
  })
  await webhooks.dispatch(bounced, LONG_MS)
  expect(steps).toEqual(['second ran', 'first ended'])
})

it('reports a listener that throws or rejects, and calls the others all the same', async () => {
  const { webhooks, failures } = handlerWithFailures()
  const called: string[] = []
  webhooks.on('email.bounced', () => {
    throw new Error('thrown')
  })
  webhooks.on('email.*', async () => {
    throw 'rejected'
  })
  webhooks.on('*', () => called.push('*'))
  await webhooks.dispatch(bounced, LONG_MS)
  expect(called).toEqual(['*'])
  expect(failures).toEqual([
    { name: 'email.bounced', eventId: '01', reason: 'error', error: new Error('thrown') },
    { name: 'email.*', eventId: '01', reason: 'error', error: 'rejected' },
  ])
})

it('survives a listener of failures that fails, and failures that nobody listens to', async () => {
  const webhooks = new CustomerIOWebhookHandler({ clock: systemClock })
  const failing = async () => {
    throw new Error('again')
  }
  webhooks.on('*', failing)
  await expect(webhooks.dispatch(bounced, LONG_MS)).resolves.toBeUndefined()
  webhooks.on('listenerFailure', failing)
  webhooks.on('listenerFailure', () => {
    throw new Error('and again')
  })
  await expect(webhooks.dispatch(bounced, LONG_MS)).resolves.toBeUndefined()
})

it('waits for a listener until the last millisecond, and not for one when no time is left', async () => {
  const { webhooks, failures, tick } = handlerWithFailures()
  const work = Promise.withResolvers<void>()
  webhooks.on('*', () => work.promise)
  const dispatched = webhooks.dispatch(bounced, 10)
  tick(9)
  work.resolve()
  await dispatched
  expect(failures).toEqual([])
  webhooks.on('email.*', forever)
  const late = webhooks.dispatch(bounced, -5)
  tick(0)
  await late
  expect(failures.map(({ name, reason }) => [name, reason])).toContainEqual(['email.*', 'timeout'])
})

it('gives up waiting when the time is over, and does not call a listener that hangs for a minute', async () => {
  const { webhooks, failures, giveUp, tick } = handlerWithFailures()
  let calls = 0
  webhooks.on('*', () => {
    calls += 1
    return forever()
  })
  await giveUp(1)
  await webhooks.dispatch(bounced, LONG_MS)
  expect(calls).toBe(1)
  expect(failures.map(({ reason }) => reason)).toEqual(['timeout', 'paused'])
  tick(60_000)
  await giveUp(0)
  expect(calls).toBe(2)
})

it('calls a listener again as soon as the call that hung has ended, even badly', async () => {
  const { webhooks, failures, giveUp } = handlerWithFailures()
  let end: (error: Error) => void = () => {}
  const calls: string[] = []
  webhooks.on('*', () => {
    calls.push('called')
    return calls.length === 1 ? new Promise((_, reject) => (end = reject)) : undefined
  })
  await giveUp(1)
  end(new Error('late'))
  await new Promise(setImmediate)
  await webhooks.dispatch(bounced, LONG_MS)
  expect(calls).toHaveLength(2)
  expect(failures.map(({ reason }) => reason)).toEqual(['timeout'])
})

it('calls a listener of once a single time', async () => {
  const webhooks = new CustomerIOWebhookHandler({ clock: systemClock })
  let calls = 0
  webhooks.once('email.bounced', () => {
    calls += 1
  })
  await webhooks.dispatch(bounced, LONG_MS)
  await webhooks.dispatch(bounced, LONG_MS)
  expect(calls).toBe(1)
  expect(webhooks.listenerCount('email.bounced')).toBe(0)
})

it('keeps no event in memory for listeners that hang, even where they keep their promise', async () => {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const webhooks = new CustomerIOWebhookHandler({ clock: systemClock })
  const kept: Promise<void>[] = []
  webhooks.on('*', () => {
    const promise = forever()
    kept.push(promise)
    return promise
  })
  async function dispatched(): Promise<WeakRef<WebhookEvent>> {
    const event: WebhookEvent = { event_id: '03', object_type: 'email', metric: 'sent' }
    await webhooks.dispatch(event, 1)
    return new WeakRef(event)
  }
  const event = await dispatched()
  await new Promise(setImmediate)
  collect()
  expect(kept).toHaveLength(1)
  expect(event.deref()).toBeUndefined()
})
