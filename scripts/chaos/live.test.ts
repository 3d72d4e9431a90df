import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Stack, startStack } from '../local/stack.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { LIVE_KINDS, LiveChaos } from './live.ts'
import { planMessages } from './messages.ts'
import { FAULTS } from './schedule.ts'

jest.setTimeout(120_000)

const directory = join(PROJECT_ROOT, '.local', 'live-chaos-test')
let stack: Stack

beforeAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  stack = await startStack({
    ...{ directory, ports: { all: 0 }, announce: false, functions: ['identify', 'track', 'transactional'] },
    environment: {
      ...{ SEND_LEDGER_SETTLE_SECONDS: '1', CUSTOMERIO_REQUEST_TIMEOUT_MS: '1000' },
      CUSTOMERIO_BROADCASTS_PER_SECOND: '10', // else each run waits ten seconds for its broadcast
    },
    customerio: { deliveryDelayMs: 100 },
    pubsub: { backoffScale: 0.02 },
  })
})
afterAll(() => stack?.close())

it('loses nothing and does nothing twice in a stack that somebody else works with, twice with one seed', async () => {
  const publish = (body: object) =>
    stack.client.topic('track').publishMessage({ data: Buffer.from(JSON.stringify(body)) })
  // What chaos never sends: it must not mind.
  await publish({ identifiers: { id: 7 }, name: 'x', attributes: { chaos: 7 } })
  for (const run of ['a1', 'b2']) {
    const chaos = new LiveChaos(stack, { seed: 3, seconds: 4, messages: 60, run })
    await publish({ identifiers: { id: 'somebody' }, name: 'else' })
    await publish({ broken: true })
    expect(chaos.state()).toMatchObject({ phase: 'trouble', lost: 0, twice: 0, violations: [] })
    await chaos.done
    const { outcomes, ...state } = chaos.state()
    expect(state).toMatchObject({ phase: 'over', published: 60, open: 0, lost: 0, twice: 0, violations: [] })
    expect(Object.values(outcomes).reduce((sum, count) => sum + count, 0)).toBe(60)
    expect(state.faults.map((fault) => fault.state)).toEqual(state.faults.map(() => 'over'))
    expect(state.faults.length).toBeGreaterThan(0)
  }
  expect(stack.customerio.orders.list()).toEqual([])
  expect(stack.pubsub.events.listenerCount('delivered')).toBe(0)
})

it('counts what is lost and what is there twice', async () => {
  const chaos = new LiveChaos(stack, { seed: 4, seconds: 1, messages: 12, run: 'c3' })
  await chaos.done
  const { inbox } = stack.customerio
  const entries = inbox.of()
  const own = entries.filter(({ body, kind }) => kind === 'event' && JSON.stringify(body).includes('"c3m'))
  const [first, second] = own
  if (first === undefined || second === undefined) throw new Error('the seed has no two events')
  inbox.add({ ...first })
  expect(chaos.state()).toMatchObject({ lost: 0, twice: 1 })
  inbox.clear()
  for (const entry of entries) if (entry !== second) inbox.add(entry)
  expect(chaos.state()).toMatchObject({ lost: 1, twice: 0, violations: [{ rule: 'no loss' }] })
})

it('stops when it is told to, and lets what is published drain', async () => {
  const chaos = new LiveChaos(stack, { seed: 5, seconds: 600, messages: 6_000, run: 'd4' })
  chaos.stop()
  await chaos.done
  expect(chaos.state()).toMatchObject({ phase: 'over', open: 0, lost: 0 })
})

it('says of every kind of trouble whether it is made', () => {
  expect([...LIVE_KINDS.made, ...LIVE_KINDS.leftOut.map(({ kind }) => kind)].sort()).toEqual(Object.keys(FAULTS).sort())
})

it('plans for each run what no other run has, and the same by the seed', () => {
  const plan = (run?: string) =>
    planMessages({ seed: 1, seconds: 10, messages: 200, ...(run !== undefined && { run }) })
  const sound = plan('x9').filter(({ nature }) => nature === 'sound')
  expect(sound.filter(({ data }) => !data.includes('x9') || /"id":"(person|reader|ordered|bulk)-/.test(data))).toEqual(
    [],
  )
  const ids = (run: string) => plan(run).flatMap(({ data }) => /"id":"(01JD\w+)"/.exec(data)?.[1] ?? [])
  expect(ids('x9').length).toBeGreaterThan(0)
  expect(ids('x9').filter((id) => ids('y8').includes(id) || !/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(id))).toEqual([])
  expect(plan('x9').map(({ topic, nature }) => `${topic} ${nature}`)).toEqual(
    plan().map(({ topic, nature }) => `${topic} ${nature}`),
  )
})
