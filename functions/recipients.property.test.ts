import { PubSub } from '@google-cloud/pubsub'
import fc from 'fast-check'
import { type FirestoreServer, startFirestore } from '../scripts/emulators/firestore/index.ts'
import { type PubSubServer, startPubSub } from '../scripts/emulators/pubsub/index.ts'
import { registerFunction, serveFunction } from '../scripts/testing/push.ts'
import { answering, type RecordedRequest, startRecordingServer } from '../scripts/testing/recording-server.ts'
import { GUARDED_MESSAGES, goesToOurs, RULES, strangersIn } from '../scripts/testing/strangers.ts'
import type { TopicName } from '../shared/contract/index.ts'
import { isRecord } from '../shared/json/index.ts'

/**
 * The promise of the recipient guard, over what really leaves: for any message of any topic and channel, no request to
 * Customer.io names an address outside the list. The functions run as they are registered; Customer.io is a server that keeps
 * every request.
 */

const RUNS = 400
const TOPICS = Object.keys(GUARDED_MESSAGES) as TopicName[]
type Served = Awaited<ReturnType<typeof serveFunction>>
let customerio: Awaited<ReturnType<typeof startRecordingServer>>
let pubsub: PubSubServer
let client: PubSub
let firestore: FirestoreServer
/** One that holds and one that redirects: dropping differs from holding in the dead letter only. */
const ENVIRONMENTS = [RULES[0], RULES[2]]
/** Of each topic one per environment. */
const served = new Map<TopicName, readonly Served[]>()

beforeAll(async () => {
  ;[customerio, firestore, pubsub] = await Promise.all([
    startRecordingServer(),
    startFirestore({ port: 0 }),
    startPubSub({ port: 0 }),
  ])
  client = new PubSub({ projectId: 'p', apiEndpoint: pubsub.host, emulatorMode: true })
  customerio.answerWith((response, { path }) =>
    answering(200, path.startsWith('/v1/send') ? { delivery_id: 'd', queued_at: 1 } : { id: 1 })(response),
  )
  const { url } = customerio
  for (const topic of TOPICS) {
    await client.createTopic(`${topic}-dead-letter`)
    const environments: Served[] = []
    for (const rules of ENVIRONMENTS) {
      Object.assign(process.env, {
        GOOGLE_CLOUD_PROJECT: 'p',
        LOG_LEVEL: 'ERROR',
        MAX_DELIVERY_ATTEMPTS: '100',
        ACK_DEADLINE_SECONDS: '60',
        DEAD_LETTER_TOPIC: `${topic}-dead-letter`,
        BULK_LANE_TOPIC: topic,
        CUSTOMERIO_REGION: 'us',
        CUSTOMERIO_TRACK_URL: `${url}/api/v1`,
        CUSTOMERIO_APP_URL: `${url}/v1`,
        CUSTOMERIO_SITE_ID: 'site',
        CUSTOMERIO_TRACK_API_KEY: 'track-key',
        CUSTOMERIO_APP_API_KEY: 'app-key',
        CUSTOMERIO_REQUESTS_PER_SECOND: '1000',
        CUSTOMERIO_BROADCASTS_PER_SECOND: '10',
        SEND_LEDGER_DATABASE: 'send-ledger',
        PERSON_HASH_KEYS: 'a key of thirty-two characters..',
        RECIPIENTS: JSON.stringify(rules),
        FIRESTORE_EMULATOR_HOST: firestore.host,
        PUBSUB_EMULATOR_HOST: pubsub.host,
      })
      await registerFunction(topic)
      environments.push(await serveFunction(topic))
    }
    served.set(topic, environments)
  }
}, 60_000)
afterAll(async () => {
  await Promise.all([...served.values()].flat().map((fn) => fn.close()))
  await client.close()
  await Promise.all([customerio.close(), firestore.close(), pubsub.close()])
})

/** What a request asks of Customer.io: the operations of a batch, or one send or broadcast with its channel. */
function askedOf({ path, body }: RecordedRequest): readonly Asked[] {
  if (!isRecord(body)) return []
  if (Array.isArray(body.batch))
    return body.batch.filter(isRecord).map((each) => ({ kind: String(each.action), body: each }))
  const [, broadcast] = /^\/v1\/campaigns\/(\d+)\/triggers$/.exec(path) ?? []
  const kind = broadcast === undefined ? path.replace('/v1/send/', '') : 'broadcast'
  return [{ kind, body: broadcast === undefined ? body : { ...body, broadcast } }]
}

interface Asked {
  /** An action of the Track API, a channel, or `broadcast`. */
  readonly kind: string
  readonly body: Record<string, unknown>
}

/** What has to be among the requests, or the property would say nothing of it. */
const KINDS: Readonly<Record<TopicName, readonly string[]>> = {
  identify: ['identify', 'add_device', 'add_relationships', 'delete', 'merge', 'suppress', 'unsuppress'],
  track: ['event'],
  transactional: ['email', 'sms', 'whatsapp', 'push', 'in_app', 'inbox_message', 'broadcast'],
}

describe.each(TOPICS)('%s', (topic) => {
  it('asks Customer.io for nothing that goes to an address outside the list', async () => {
    const seen = new Map<string, number>()
    let stopped = 0
    await fc.assert(
      fc.asyncProperty(
        GUARDED_MESSAGES[topic],
        fc.constantFrom(...ENVIRONMENTS.keys()),
        async (message, environment) => {
          customerio.requests.splice(0)
          expect(await served.get(topic)?.[environment]?.push(message)).toBe(204)
          const asked = customerio.requests.flatMap(askedOf)
          if (asked.length === 0) stopped++
          for (const { kind, body } of asked) {
            seen.set(kind, (seen.get(kind) ?? 0) + 1)
            expect(strangersIn(body)).toEqual([])
            if (topic === 'transactional')
              expect({ kind, body, goesToOurs: goesToOurs(body) }).toMatchObject({ goesToOurs: true })
          }
        },
      ),
      { numRuns: RUNS },
    )
    expect(stopped).toBeGreaterThan(20)
    expect([...seen.keys()]).toEqual(expect.arrayContaining(KINDS[topic]))
  })
})
