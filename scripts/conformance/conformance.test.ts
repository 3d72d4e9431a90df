import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../shared/clock/index.ts'
import {
  type CustomerIoServer,
  type Observed,
  readObserved,
  startCustomerIo,
  writeObserved,
} from '../emulators/customerio/index.ts'
import { type Receiver, startReceiver } from './receiver.ts'
import { hostsOf, type Planned, planOf, probe } from './run.ts'

const CREDENTIALS = { siteId: 'site', trackApiKey: 'track', appApiKey: 'app' }
const NO_SUCH_TEMPLATE = 999_999_999
const ADDRESS = 'tester@example.com'

/** What the local Customer.io chooses by itself. */
const OWN: Partial<Observed> = {
  event_ids: { ulid_ignored_after_seconds: [0, 60, 3_600], ulid_counted_after_seconds: [], other_ids: 'counted' },
  batch: { items_accepted: 1_000 },
  partly_bad_batch: { status: 207, names_items: true, good_items_applied: true },
  throttling: { requests_until_429: 11, retry_after_seconds: 1 },
  webhook_retry_signature: 'fresh',
  delivery_list_delay_seconds: 2,
  unknown_template_status: 404,
  kilobyte: 1_000,
}
/** The opposite in everything. */
const OTHER: Partial<Observed> = {
  event_ids: { ulid_ignored_after_seconds: [0, 60], ulid_counted_after_seconds: [3_600], other_ids: 'ignored' },
  batch: { items_accepted: 101, items_refused: 500 },
  partly_bad_batch: { status: 400, names_items: false, good_items_applied: false },
  throttling: { requests_until_429: 21, retry_after_seconds: null },
  webhook_retry_signature: 'first',
  delivery_list_delay_seconds: 8,
  unknown_template_status: 400,
  kilobyte: 1_024,
}

let nowMs = Date.UTC(2026, 10, 26)
/** Time passes when somebody waits for it. */
const clock: Clock = {
  now: () => nowMs,
  after(ms, work) {
    const timer = setTimeout(() => {
      nowMs += ms
      work()
    })
    return () => clearTimeout(timer)
  },
}

const planned: Omit<Planned, 'receiver'> = {
  ...{ run: 'k3x9', to: ADDRESS, template: 3, repeatAfterSeconds: [60, 3_600], only: [] },
}

async function withCustomerIo<T>(
  observed: Partial<Observed> | undefined,
  work: (server: CustomerIoServer, receiver: Receiver) => Promise<T>,
): Promise<T> {
  const receiver = await startReceiver(0)
  const sleep = async (ms: number) => {
    nowMs += ms
  }
  const server = await startCustomerIo({
    ...{ port: 0, now: clock.now, ...CREDENTIALS, deliveryDelayMs: 2_000 },
    ...(observed !== undefined && { observed }),
    webhooks: { url: receiver.url, signingKey: 'key', ownEvents: true, sleep },
  })
  server.workspace.templates.remove(NO_SUCH_TEMPLATE)
  try {
    return await work(server, receiver)
  } finally {
    await server.close()
    await receiver[Symbol.asyncDispose]()
  }
}

const observe = (observed: Partial<Observed> | undefined) =>
  withCustomerIo(observed, async (server, receiver) => {
    const hosts = hostsOf(server.url)
    if (hosts === undefined) throw new Error('no address of this machine')
    const found = await probe({ ...planned, receiver, hosts, credentials: CREDENTIALS, clock, say: () => {} })
    return { ...found, server }
  })

it.each([
  ['that chooses by itself', undefined, OWN],
  ['that does the opposite', OTHER, OTHER],
])('finds out what a Customer.io does %s', async (_, behaves, expected) => {
  const { observed, failures, server } = await observe(behaves)
  expect(failures).toEqual([])
  expect(observed).toMatchObject(expected)
  expect(Object.keys(observed).sort()).toEqual([...Object.keys(expected), 'observed_at', 'workspace'].sort())
  // Nobody but the given address, and nobody is left.
  expect(server.workspace.sends.map(({ recipient }) => recipient)).toEqual([ADDRESS])
  expect(server.workspace.people.size).toBe(0)
})

it.each(Object.keys(OWN) as (keyof Observed)[])('one difference, %s, is told apart from all others', async (field) => {
  const { observed } = await observe({ ...OWN, [field]: OTHER[field] })
  expect(observed).toMatchObject({ ...OWN, [field]: OTHER[field] })
})

it('a Customer.io that reads what was written does the same', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'conformance-'))
  try {
    const file = join(directory, 'observed.yaml')
    const first = await observe(OTHER)
    writeObserved(file, first.observed)
    const again = await observe(readObserved(file))
    expect({ ...again.observed, observed_at: '', workspace: '' }).toEqual({
      ...first.observed,
      observed_at: '',
      workspace: '',
    })
  } finally {
    rmSync(directory, { recursive: true })
  }
})

it('without an address it sends nothing, and deletes its person even if a probe fails', async () => {
  await withCustomerIo(undefined, async (server, receiver) => {
    server.orders.add({ on: 'batch', count: 1, fault: { do: 'answer', status: 503 } })
    const hosts = hostsOf(server.url)
    if (hosts === undefined) throw new Error('no address of this machine')
    const said: string[] = []
    const run = { ...planned, to: undefined, repeatAfterSeconds: [], receiver }
    const { failures } = await probe({ ...run, hosts, credentials: CREDENTIALS, clock, say: (line) => said.push(line) })
    expect(failures).toHaveLength(1)
    expect(said.join('\n')).toContain('not observed: ')
    expect(server.workspace.sends).toEqual([])
    expect(server.workspace.people.size).toBe(0)
  })
})

it('says before anything happens what it does, to whom it sends and how to undo it', () => {
  const hosts = hostsOf('eu')
  const plan = planOf(
    { ...hosts, name: hosts?.name ?? '', trackHost: '', appHost: '' },
    { ...planned, receiver: undefined },
  )
  expect(plan).toContain('In a workspace in the region eu')
  expect(plan).toContain(`It writes to ${ADDRESS}.`)
  expect(plan).toContain('not webhook_retries: it needs --webhook-url and --listen')
  expect(plan).toContain('Undo: it deletes cio-gcp-conformance.')
})

it.each(['https://evil.example', 'http://10.0.0.1:80', 'asia', undefined])(
  'gives credentials to nobody at %s',
  (where) => {
    expect(hostsOf(where)).toBeUndefined()
  },
)
