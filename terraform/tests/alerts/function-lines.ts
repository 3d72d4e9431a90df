import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { http } from '@google-cloud/functions-framework'
import { getTestServer } from '@google-cloud/functions-framework/testing'
import { createProbeHandler } from '../../../functions/probe/handler.ts'
import type { LinkResult } from '../../../functions/probe/link.ts'
import type { SendCount } from '../../../functions/probe/sends.ts'
import { createDataset } from '../../../functions/warehouse/dataset.ts'
import { createWarehouseHandler } from '../../../functions/warehouse/handler.ts'
import { createWebhookHandler } from '../../../functions/webhook/handler.ts'
import { TEST_BATCH } from '../../../scripts/testing/customerio-service.ts'
import { hostOfTest } from '../../../scripts/testing/host.ts'
import { systemClock } from '../../../shared/clock/index.ts'
import { ConfigurationError } from '../../../shared/config/index.ts'
import { CustomerIOService, logRequests } from '../../../shared/customerio/index.ts'
import { createPushHandler } from '../../../shared/delivery/index.ts'
import { createLog, type Log } from '../../../shared/logging/index.ts'
import type { Outcome } from '../../../shared/outcome/index.ts'
import { RateLimiter } from '../../../shared/rate/index.ts'
import { caughtUp, createFunction, leaveBodiesUnread, type RequestHandler } from '../../../shared/runtime/index.ts'
import { createSecret } from '../../../shared/secrets/index.ts'
import {
  CustomerIOWebhookHandler,
  SIGNATURE_HEADER,
  signWebhook,
  TIMESTAMP_HEADER,
} from '../../../shared/webhooks/index.ts'
import { entryOf } from './entries.ts'

/** Runs the parts of the functions that log, and gives back the lines that metrics, alerts and the dashboard read. */

const MAX_ATTEMPTS = 100
const SENT = { event_id: '01', object_type: 'email', metric: 'sent', timestamp: 1_763_740_000, data: {} }

/** What a process of a function writes while `run` uses its log. */
async function linesOf(functionName: string, run: (log: Log) => Promise<unknown>): Promise<unknown[]> {
  const lines: string[] = []
  await run(createLog({ clock: systemClock, functionName, destination: { write: (line) => lines.push(line) } }))
  return lines.map(entryOf)
}

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return `http://127.0.0.1:${address.port}`
}

/** Serves a function as the platform does, and posts to it. */
async function postTo(handler: RequestHandler, requests: readonly RequestInit[]): Promise<void> {
  leaveBodiesUnread()
  http('terraform-log-lines', handler)
  const server = getTestServer('terraform-log-lines')
  const url = await listening(server)
  for (const request of requests) await (await fetch(url, { method: 'POST', ...request })).arrayBuffer()
  server.closeAllConnections()
  server.close()
}

/** A message as Pub/Sub pushes it. */
function pushOf(data: string, deliveryAttempt = 1): RequestInit {
  return {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      message: { data: btoa(data), messageId: '17', publishTime: '2026-11-21T10:00:00Z', attributes: {} },
      subscription: 'projects/p/subscriptions/s',
      deliveryAttempt,
    }),
  }
}

/** How a message ends: with an outcome, at the first delivery attempt or the last, or with an error that nobody thought of. */
interface End {
  readonly outcome: Outcome | 'throws'
  readonly last?: boolean
}

export const ENDS = {
  delivered: { outcome: { kind: 'delivered', batchSize: 3 } },
  refused: { outcome: { kind: 'refused', reason: 'contract', error: 'name: missing' } },
  guarded: { outcome: { kind: 'guarded', error: 'to: not on the list' } },
  uncertain: { outcome: { kind: 'refused', reason: 'uncertain', error: 'no answer' } },
  outage: { outcome: { kind: 'retry', cause: 'transient', error: 'HTTP 500', httpStatus: 500 } },
  busy: { outcome: { kind: 'retry', cause: 'busy', error: 'the queue is full' } },
  unauthorised: { outcome: { kind: 'retry', cause: 'configuration', error: 'HTTP 401', httpStatus: 401 } },
  exhausted: { outcome: { kind: 'retry', cause: 'transient', error: 'HTTP 500', httpStatus: 500 }, last: true },
  defect: { outcome: 'throws' },
} as const satisfies Record<string, End>

/** The lines of a function whose messages end so. */
export async function messageLines(ends: readonly End[]): Promise<unknown[]> {
  return linesOf('track', async (log) => {
    const waiting = [...ends]
    const handler = createPushHandler<string>({
      work: {
        parse: (message) => ({ ok: true, value: message.messageId }),
        deliver: async () => {
          const outcome = waiting.shift()?.outcome ?? 'throws'
          if (outcome === 'throws') throw new TypeError('undefined is not a function')
          return outcome
        },
      },
      deadLetters: { publish: async () => {} },
      record: { topic: 'track' },
      maxDeliveryAttempts: MAX_ATTEMPTS,
      ackDeadlineMs: 60_000,
      bodyMemoryBytes: 1e9,
      log,
      clock: systemClock,
      caughtUp,
    })
    await postTo(
      handler,
      ends.map(({ last = false }) => pushOf('{}', last ? MAX_ATTEMPTS : 1)),
    )
  })
}

/** Requests that Customer.io answers with each status, one without an answer, and one that lacks its secret. */
export async function customerioLines(statuses: readonly number[]): Promise<unknown[]> {
  return linesOf('track', async (log) => {
    const answers = [...statuses]
    const customerio = createServer((request, response) => {
      const status = answers.shift()
      if (status === undefined) request.socket.destroy()
      else response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
    })
    const url = await listening(customerio)
    const seen = { type: 'person', action: 'event', identifiers: { id: 'u1' }, name: 'seen', attributes: {} } as const
    const service = (apiKey: string) => {
      const made = new CustomerIOService({
        track: {
          url: `${url}/api/v1`,
          timeoutMs: 5_000,
          siteId: createSecret({ clock: systemClock, name: 'CUSTOMERIO_SITE_ID', value: 'site', log }),
          apiKey: createSecret({ clock: systemClock, name: 'CUSTOMERIO_TRACK_API_KEY', value: apiKey, log }),
          rate: new RateLimiter({ requestsPerSecond: 1_000, clock: systemClock, random: () => 0 }),
          rateWaitMs: 1_000,
          divideMs: 1_000,
          batch: TEST_BATCH,
        },
        log,
        clock: systemClock,
      })
      logRequests(made, log)
      return made
    }
    for (let request = 0; request <= statuses.length; request += 1) {
      // A pause after a 429 belongs to its process: each request comes from another.
      await service('key').track(seen)
    }
    await service('unset').track(seen)
    customerio.closeAllConnections()
    customerio.close()
  })
}

/** A webhook that is accepted, one that is forged, and one that meets a function without keys, in this order. */
export async function webhookLines(): Promise<unknown[]> {
  const signedBy = (key: string, event: object = SENT): RequestInit => {
    const body = JSON.stringify(event)
    const signature = signWebhook(key, '1763740000', Buffer.from(body))
    const signed = { [TIMESTAMP_HEADER]: '1763740000', [SIGNATURE_HEADER]: signature }
    return { headers: { 'content-type': 'application/json', ...signed }, body }
  }
  const lines = (keys: string, request: RequestInit) =>
    linesOf('webhook', async (log) => {
      const handler = createWebhookHandler({
        signingKeys: createSecret({ clock: systemClock, name: 'CUSTOMERIO_WEBHOOK_SIGNING_KEYS', value: keys, log }),
        publish: async () => {},
        webhooks: new CustomerIOWebhookHandler({ clock: systemClock }),
        log,
        clock: systemClock,
        maxAgeSeconds: undefined,
        maxBodyBytes: 1_000_000,
        bodyMemoryBytes: 1e9,
        publishTimeoutMs: 3_000,
      })
      await postTo(handler, [request])
    })
  return [
    ...(await lines('key', signedBy('key'))),
    ...(await lines('key', signedBy('another key'))),
    ...(await lines('unset', signedBy('key'))),
    ...(await lines('key', signedBy('key', EVENTS.probe))),
  ]
}

/** What `warehouseLines` can be given: an ordinary event, ones with something new, and what is not understood. */
export const EVENTS = {
  ordinary: SENT,
  newField: { ...SENT, data: { colour: 'blue' } },
  newObjectType: { ...SENT, object_type: 'fax' },
  notUnderstood: { hello: 'world' },
  probe: { ...SENT, object_type: 'probe' },
} as const

/** Webhooks that the warehouse stores, while BigQuery refuses the rows of the table `refuses`, if any. */
export async function warehouseLines(events: readonly object[], refuses = 'none'): Promise<unknown[]> {
  const bigQuery = createServer((request, response) => {
    const refused = request.url?.includes(`/${refuses}/`) === true
    const insertErrors = [
      { index: 0, errors: [{ reason: 'invalid', message: 'Could not parse', location: 'timestamp' }] },
    ]
    request.resume().on('end', () => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(refused ? { insertErrors } : {}))
    })
  })
  process.env.BIGQUERY_EMULATOR_HOST = await listening(bigQuery)
  const lines = await linesOf('warehouse', async (log) => {
    const handler = createWarehouseHandler({
      config: {
        ackDeadlineMs: 60_000,
        bodyMemoryBytes: 1e9,
        insertTimeoutMs: 9_000,
        deadLetter: { topic: 'warehouse-dead-letter', maxDeliveryAttempts: MAX_ATTEMPTS },
        batch: {
          maxItems: 1,
          maxBytes: 1e6,
          maxItemBytes: 1e6,
          maxInFlight: 1,
          maxWaitMs: 10_000,
          maxQueueItems: 10,
          maxBlockedItems: 5,
        },
      },
      dataset: createDataset('p', 'customerio'),
      deadLetters: { publish: async () => {} },
      log,
      clock: systemClock,
      caughtUp,
    })
    await postTo(
      handler,
      events.map((event) => pushOf(JSON.stringify(event))),
    )
  })
  delete process.env.BIGQUERY_EMULATOR_HOST
  bigQuery.closeAllConnections()
  bigQuery.close()
  return lines
}

/** A secret whose file cannot be read, and a function whose environment is incomplete. */
export async function configurationLines(): Promise<unknown[]> {
  const unreadable = await linesOf('identify', async (log) => {
    const readFile = async () => Promise.reject(Object.assign(new Error('gone'), { code: 'ENOENT' }))
    await createSecret({
      clock: systemClock,
      name: 'CUSTOMERIO_SITE_ID',
      file: '/secrets/customerio-site-id/value',
      readFile,
      log,
    }).current()
  })
  const incomplete: string[] = []
  const parseConfig = () => {
    throw new ConfigurationError(['DEAD_LETTER_TOPIC is not set'])
  }
  const create = (): RequestHandler => () => {}
  createFunction(
    { name: 'identify', parseConfig, create },
    hostOfTest({}, (line) => incomplete.push(line)),
  )
  return [...unreadable, ...incomplete.map(entryOf)]
}

/** A round of the probe that found these links so, and counted these sends. */
export async function probeLines(links: readonly LinkResult[], sends: readonly SendCount[] = []): Promise<unknown[]> {
  // The first round of a quarter of an hour.
  const clock = { ...systemClock, now: () => 0 }
  const refreshNames = async () => ({ ok: true, isFinished: true, rows: 0 }) as const
  const round = { runRound: async () => links, countSends: async () => sends, refreshNames, clock }
  return linesOf('probe', (log) => postTo(createProbeHandler({ ...round, log }), [{ body: 'start a round' }]))
}
