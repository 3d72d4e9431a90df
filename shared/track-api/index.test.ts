import { http } from '@google-cloud/functions-framework'
import { hostOfTest } from '../../scripts/testing/host.ts'
import { type PushOverrides, serveFunction } from '../../scripts/testing/push.ts'
import { parseIdentifyConfig, parseTrackConfig } from '../config/index.ts'
import { identifyMessage, trackMessage } from '../contract/index.ts'
import type { Carried } from '../customerio/index.ts'
import { hashOfPerson, type Identifier, parseHashRing } from '../identity/index.ts'
import type { Outcome } from '../outcome/index.ts'
import { createFunction, leaveBodiesUnread } from '../runtime/index.ts'
import { trackApiFunction } from './index.ts'

const KEYS = 'a key of thirty-two characters..'
const ENV = {
  GOOGLE_CLOUD_PROJECT: 'p',
  DEAD_LETTER_TOPIC: 'dead-letter',
  MAX_DELIVERY_ATTEMPTS: '100',
  ACK_DEADLINE_SECONDS: '60',
  BULK_LANE_TOPIC: 'identify',
  RECIPIENTS: JSON.stringify({ allow: ['id:u*'] }),
  CUSTOMERIO_REGION: 'us',
  CUSTOMERIO_SITE_ID: 'site',
  CUSTOMERIO_TRACK_API_KEY: 'key',
}
const person: Identifier = { kind: 'id', value: 'u1' }

let lines: Record<string, unknown>[]
let outcome: Outcome
let mayMove: (boolean | undefined)[]
beforeEach(() => {
  lines = []
  mayMove = []
  outcome = { kind: 'delivered' }
})

const parsers = { identify: parseIdentifyConfig, track: parseTrackConfig }
const deliver = async (_service: unknown, _message: unknown, _defaults: unknown, carried: Carried) => {
  mayMove.push(carried.mayMove)
  return outcome
}

/** Starts the function with these keys and pushes to it. */
async function pushTo(
  name: 'identify' | 'track',
  keys: string,
  bodies: readonly (object | string)[],
  overrides: PushOverrides = {},
) {
  const parts = { name, parseConfig: parsers[name], deliver, addListeners: () => {} } as const
  const host = hostOfTest({ ...ENV, PERSON_HASH_KEYS: keys }, (line) => lines.push(JSON.parse(line)))
  leaveBodiesUnread()
  const handler =
    name === 'identify'
      ? createFunction(
          trackApiFunction({ ...parts, schema: identifyMessage, guard: (guard, message) => guard.identify(message) }),
          host,
        )
      : createFunction(
          trackApiFunction({ ...parts, schema: trackMessage, guard: (guard, message) => guard.track(message) }),
          host,
        )
  http(`${name}-under-test`, handler)
  const served = await serveFunction(`${name}-under-test`)
  const answers: number[] = []
  for (const body of bodies) answers.push(await served.push(body, overrides))
  await served.close()
  return answers
}

const event = { identifiers: { id: 'u1' }, name: 'seen' }
const errors = () => lines.filter(({ severity }) => severity === 'ERROR')
const messages = () => lines.filter(({ event }) => event === 'message')

describe.each(['identify', 'track'] as const)('%s', (name) => {
  const message = name === 'track' ? event : { identifiers: { id: 'u1' }, attributes: {} }

  it('records whom a message is about by keyed hashes, with the key that made them', async () => {
    const [key] = parseHashRing(KEYS) ?? []
    expect(await pushTo(name, KEYS, [message])).toEqual([204])
    expect(messages()).toEqual([
      expect.objectContaining({ hash_key: key?.id, persons: [key && hashOfPerson(key, person)] }),
    ])
    expect(errors()).toEqual([])
  })

  it('records them of a message that comes again too', async () => {
    outcome = { kind: 'retry', cause: 'transient', error: 'down' }
    expect(await pushTo(name, KEYS, [message])).toEqual([503])
    expect(messages()).toEqual([expect.objectContaining({ outcome: 'retry', persons: [expect.any(String)] })])
  })

  it.each(['unset', 'too short'])(
    'delivers and records no person with the keys %j, and one ERROR per start says so',
    async (keys) => {
      expect(await pushTo(name, keys, [message, message, message])).toEqual([204, 204, 204])
      for (const line of messages()) for (const field of ['persons', 'hash_key']) expect(line).not.toHaveProperty(field)
      expect(messages()).toHaveLength(3)
      expect(errors()).toEqual([
        expect.objectContaining({
          event: 'secret',
          secret: 'PERSON_HASH_KEYS',
          message: expect.stringContaining('--generate'),
        }),
      ])
    },
  )
})

it('notes of an update that its time is older than its publish: Customer.io may know a later one', async () => {
  const published = Date.parse('2026-11-21T10:00:00Z') / 1_000
  const update = (timestamp: number) => ({ identifiers: { id: 'u1' }, attributes: {}, timestamp })
  await pushTo('identify', KEYS, [update(published - 61), update(published - 60), { identifiers: { id: 'u1' } }])
  await pushTo('track', KEYS, [{ ...event, timestamp: published - 3_600 }])
  expect(messages().map(({ outcome: each, note }) => `${each} ${note}`)).toEqual([
    'delivered older_time',
    ...Array(messages().length - 1).fill(expect.stringMatching(/undefined$/)),
  ])
  outcome = { kind: 'retry', cause: 'transient', error: 'down' }
  lines = []
  await pushTo('identify', KEYS, [update(published - 61)])
  expect(messages()[0]).not.toHaveProperty('note')
})

it('lets move what has no order and is not in the bulk lane, where the function has one', async () => {
  const update = { identifiers: { id: 'u1' } }
  await pushTo('identify', KEYS, [update])
  await pushTo('identify', KEYS, [update], { orderingKey: 'id:u1' })
  await pushTo('identify', KEYS, [update], { attributes: { lane: 'bulk' } })
  await pushTo('track', KEYS, [event])
  expect(mayMove).toEqual([true, false, false, false])
})
