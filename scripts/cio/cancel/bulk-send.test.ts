import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Stack, startStack } from '../../local/stack.ts'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import { type CommandLine, commandLine } from '../testing/command-line.ts'

// A busy machine takes its time.
jest.setTimeout(60_000)

const MESSAGES = 60
const directory = join(PROJECT_ROOT, '.local', 'cio-bulk-send-test')
let stack: Stack
let cio: CommandLine

beforeAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  const ports = { all: 0, pubsub: 0, firestore: 0, bigquery: 0, customerio: 0 }
  // Of 25 requests per second the function gets 6: the bulk send takes longer than the rules may be old.
  const environment = { CANCELLATIONS_MAX_AGE_MS: '500' }
  stack = await startStack({ directory, ports, functions: ['transactional'], requestsPerSecond: 25, environment })
  cio = commandLine(['--endpoints', join(directory, 'endpoints.json')])
})
afterAll(() => stack?.close())

const person = (number: number) => `person${number}@example.com`
const path = (subscription: string) => `projects/${stack.endpoints.projectId}/subscriptions/${subscription}`
const stats = () => stack.pubsub.stats(path('transactional-bulk'))
const arrived = () => stack.customerio.workspace.sends.map(({ recipient }) => recipient)
const deadLetters = () => {
  const { subscriptions } = stack.pubsub.snapshot()
  const found = subscriptions.find(({ resource }) => resource.name === path('transactional-not-sent'))
  return found?.backlog.map(({ message }) => message) ?? []
}

it('nothing is sent while paused; what is cancelled half-way never arrives, and the rest did', async () => {
  await cio.run(['pause', 'transactional', '--lane', 'bulk', '--why', 'look first'])
  for (let number = 0; number < MESSAGES; number += 1) {
    const body = {
      channel: 'email',
      transactional_message_id: 3,
      to: person(number),
      identifiers: { id: `u${number}` },
    }
    const data = Buffer.from(JSON.stringify(body))
    await stack.client.topic('transactional').publishMessage({ data, attributes: { lane: 'bulk' } })
  }
  expect(stats()).toMatchObject({ outstanding: MESSAGES, deliveries: 0 })
  expect(arrived()).toEqual([])

  await cio.run(['resume', 'transactional', '--lane', 'bulk'])
  await stack.customerio.until(() => arrived().length >= 10)
  await cio.run(['cancel', '--where', 'template=3', '--where', 'lane=bulk', '--why', 'wrong prices', '--yes'])
  while (stats().outstanding > 0) await once(stack.pubsub.events, 'acknowledged')

  const cancelled = deadLetters()
  expect(new Set(cancelled.map(({ attributes }) => attributes.reason))).toEqual(new Set(['cancelled']))
  expect(cancelled.length).toBeGreaterThan(0)
  const recipients = cancelled.map(({ data }) => JSON.parse(data.toString()).to)
  const everybody = Array.from({ length: MESSAGES }, (_, number) => person(number))
  expect([...arrived(), ...recipients].sort()).toEqual(everybody.sort())

  // Published later, the same is sent.
  const later = { channel: 'email', transactional_message_id: 3, to: 'later@example.com', identifiers: { id: 'later' } }
  const data = Buffer.from(JSON.stringify(later))
  await stack.client.topic('transactional').publishMessage({ data, attributes: { lane: 'bulk' } })
  await stack.customerio.until(() => arrived().includes('later@example.com'))
})
