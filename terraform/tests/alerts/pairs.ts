import { intact } from '../../../functions/probe/link.ts'
import {
  deploymentEntry,
  instanceEntry,
  requestEntry,
  revisionEntry,
  STRANGERS_ADDRESS,
  secretReadEntry,
  stderrEntry,
} from './entries.ts'
import type { Scenario } from './evaluate.ts'
import { ENDS, EVENTS, messageLines, warehouseLines, webhookLines } from './function-lines.ts'
import {
  burning,
  counted,
  DAY_S,
  deadLettered,
  exportErrors,
  forgeries,
  minutesTo,
  noWayIn,
  of,
  oldestDeadLetter,
  outageOfCustomerIo,
  probed,
  pushes,
  retriedOrNotSent,
  secretLine,
  subscription,
  together,
  webhooksAnswered,
  withoutPublicWayIn,
  written,
} from './happenings.ts'

/** A condition, something that it must see, and what is next to it and must not open it. */
export interface Pair {
  /** Each of several opens it alone. */
  readonly fires: () => Promise<Scenario | readonly Scenario[]>
  readonly silent: () => Promise<Scenario>
}

/** By alert and condition. A burn alert is looked at as a whole: its windows belong together. */
export const PAIRS: Readonly<Record<string, Readonly<Record<string, Pair>>>> = {
  'dead-letters': {
    'a function dead-lettered messages': { fires: deadLettered, silent: retriedOrNotSent },
    'Pub/Sub forwarded messages that a function could not handle': {
      fires: async () => of(subscription('track', 'dead_letter_message_count', 1)),
      silent: async () => of(subscription('track', 'dead_letter_message_count', 0), pushes('remote_server_5xx', 9)),
    },
  },
  'dead-letters-waiting': {
    'dead letters waiting': {
      fires: async () => of(subscription('track-dead-letter', 'num_undelivered_messages', 1_001)),
      silent: async () =>
        of(
          subscription('track-dead-letter', 'num_undelivered_messages', 1_000),
          subscription('track', 'num_undelivered_messages', 50_000),
          subscription('track-not-sent', 'num_undelivered_messages', 50_000),
        ),
    },
    'the oldest is older than 7 days': {
      fires: async () => oldestDeadLetter(7.1),
      silent: async () => oldestDeadLetter(6.9),
    },
  },
  'dead-letters-aging': {
    'the oldest is older than 14 days': {
      fires: async () => oldestDeadLetter(14.1),
      silent: async () => oldestDeadLetter(13.9),
    },
  },
  'dead-letters-expiring': {
    'the oldest is older than 24 days': {
      fires: async () => oldestDeadLetter(24.1),
      silent: async () => oldestDeadLetter(23.9),
    },
  },
  backlog: {
    'oldest unacknowledged message': {
      fires: async () => of(subscription('identify', 'oldest_unacked_message_age', 901)),
      silent: async () =>
        of(
          subscription('identify', 'oldest_unacked_message_age', 899),
          subscription('identify-dead-letter', 'oldest_unacked_message_age', 5 * DAY_S),
        ),
    },
  },
  'backlog-aging': {
    'the oldest is older than a day': {
      fires: async () => of(subscription('track-bulk', 'oldest_unacked_message_age', DAY_S + 1)),
      silent: async () =>
        of(
          subscription('track-bulk', 'oldest_unacked_message_age', DAY_S - 1),
          subscription('identify-dead-letter', 'oldest_unacked_message_age', 5 * DAY_S),
        ),
    },
  },
  'backlog-expiring': {
    'the oldest is older than 5 days': {
      fires: async () => of(subscription('warehouse', 'oldest_unacked_message_age', 5 * DAY_S + 1)),
      silent: async () =>
        of(
          subscription('warehouse', 'oldest_unacked_message_age', 5 * DAY_S - 1),
          subscription('warehouse-dead-letter', 'oldest_unacked_message_age', 6 * DAY_S),
        ),
    },
  },
  'push-failures': {
    'share of pushes without an answer of the function': {
      fires: async () => of(pushes('remote_server_4xx', 30), pushes('ack', 70)),
      silent: async () => of(pushes('remote_server_5xx', 90), pushes('deadline_exceeded', 1), pushes('ack', 9)),
    },
  },
  webhook: {
    'nobody may call the webhook: 403': { fires: withoutPublicWayIn, silent: forgeries },
    'the webhook answers 5xx, or has no free instance: 429': {
      fires: async () => [429, 500, 503].map((status) => written([requestEntry({ status })])),
      silent: async () => written([requestEntry({ status: 503, service: 'track' })], { times: 50 }),
    },
    'Customer.io itself is refused: a wrong key, if 401': {
      fires: async () => [401, 403, 404].map((status) => written([requestEntry({ status })], { at: [0] })),
      silent: forgeries,
    },
  },
  'webhook-silence': {
    'none accepted': {
      fires: async () => ({ ...written([requestEntry({ status: 204 })], { at: [0] }), minutes: 12 * 60 + 1 }),
      silent: async () => ({ ...written([requestEntry({ status: 204 })], { at: [0, 600] }), minutes: 20 * 60 }),
    },
  },
  quarantine: {
    'a webhook went into the quarantine': {
      // The first one counts: it may be an opt-out.
      fires: async () => written(await warehouseLines([EVENTS.notUnderstood]), { at: [0] }),
      silent: async () => written(await warehouseLines([EVENTS.ordinary, EVENTS.newField, EVENTS.newObjectType])),
    },
  },
  record: {
    'the sink could not publish': {
      fires: async () => of(exportErrors('customerio-record')),
      silent: async () => of(exportErrors('another-sink')),
    },
  },
  'refused-rows': {
    'a row was refused': {
      fires: async () => written(await warehouseLines([EVENTS.ordinary], 'webhook_events')),
      silent: async () => written(await warehouseLines([EVENTS.ordinary, EVENTS.notUnderstood])),
    },
  },
  'new-events': {
    'a kind of event that is not known': {
      fires: async () => written(await warehouseLines([EVENTS.newObjectType])),
      silent: async () =>
        written(await warehouseLines([EVENTS.ordinary, EVENTS.newField, EVENTS.notUnderstood, EVENTS.probe])),
    },
  },
  probe: {
    'a link was broken in more than one round': {
      fires: () => probed(noWayIn, [0, 5]),
      // Once in a restart, and again after an hour.
      silent: () => probed(noWayIn, [0, 60]),
    },
  },
  'probe-sends': {
    'uncertain sends wait for a decision': {
      fires: () => counted('unsettled_sends', 1, [0, 15]),
      silent: async () =>
        together(await counted('unsettled_sends', 1, [0, 75]), await counted('sends_without_outcome', 9, [0, 15])),
    },
    'no webhook told of accepted sends': {
      fires: () => counted('sends_without_outcome', 1, [0, 15]),
      silent: () => counted('sends_without_outcome', 0, minutesTo(60, 15)),
    },
  },
  'probe-silence': {
    'no round came to its end': {
      fires: async () => ({ ...(await probed(intact('webhook_url', 40), [0])), minutes: 61 }),
      silent: () => probed(noWayIn),
    },
  },
  credentials: {
    'our configuration is refused': {
      fires: async () => written(await messageLines([ENDS.unauthorised])),
      silent: async () => written(await messageLines([ENDS.outage, ENDS.busy, ENDS.exhausted]), { times: 50 }),
    },
    'a secret stays unreadable': {
      fires: async () => written(await secretLine('secret_read_failed'), { at: minutesTo(12) }),
      silent: async () => written(await secretLine('secret_read_failed'), { at: [0] }),
    },
    'the webhook has no signing keys': {
      fires: async () => written((await webhookLines()).slice(2)),
      silent: async () => written((await webhookLines()).slice(0, 2), { times: 50 }),
    },
  },
  'function-errors': {
    'error lines': {
      fires: async () => written(await messageLines([ENDS.defect]), { times: 10 }),
      silent: async () => {
        const lines = await messageLines([ENDS.outage, ENDS.busy, ENDS.refused, ENDS.exhausted, ENDS.unauthorised])
        // Cloud Run logs each 503 as an error, in its own words.
        return written([...lines, requestEntry({ service: 'track', status: 503 })], { times: 50 })
      },
    },
    'an instance crashed or did not start': {
      fires: async () =>
        [
          instanceEntry('track', 'WARNING', 'Container called exit(1).'),
          instanceEntry('track', 'ERROR', 'Uncaught signal: 6, pid=9, tid=9, fault_addr=0.'),
        ].map((entry) => written([entry])),
      silent: async () =>
        written([
          instanceEntry('track', 'INFO', 'Starting new instance. Reason: AUTOSCALING'),
          instanceEntry('track', 'ERROR', 'Memory limit of 1024 MiB exceeded with 1031 MiB used.'),
        ]),
    },
  },
  'out-of-memory': {
    'an instance ran out of memory': {
      fires: async () =>
        [
          instanceEntry('track', 'ERROR', 'Memory limit of 1024 MiB exceeded with 1031 MiB used.'),
          stderrEntry('webhook', 'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory'),
        ].map((entry) => written([entry])),
      silent: async () => written([instanceEntry('track', 'WARNING', 'Container called exit(1).')]),
    },
  },
  'roll-out': {
    'a deployment ended in an error': {
      fires: async () =>
        [deploymentEntry('track', 'ERROR'), revisionEntry('identify')].map((entry) => written([entry])),
      silent: async () => written([deploymentEntry('track', 'NOTICE'), deploymentEntry('billing', 'ERROR')]),
    },
  },
  'secret-read': {
    'a secret was read': {
      fires: async () => written([secretReadEntry('eve@acme.example', 'customerio-app-api-key')]),
      silent: async () =>
        written([
          secretReadEntry('track-function@mock.iam.gserviceaccount.com', 'customerio-track-api-key'),
          secretReadEntry('github-apply@acme.iam.gserviceaccount.com', 'customerio-track-api-key', '1'),
          secretReadEntry('eve@acme.example', 'billing-database'),
        ]),
    },
  },
  'secret-rotation': {
    'a reminder waits': {
      fires: async () => of(subscription('secret-rotation', 'num_undelivered_messages', 1)),
      silent: async () =>
        of(
          subscription('secret-rotation', 'num_undelivered_messages', 0),
          subscription('track-dead-letter', 'num_undelivered_messages', 9),
        ),
    },
  },
  'delivery-fast': { '': { fires: () => burning(ENDS.exhausted), silent: outageOfCustomerIo } },
  'delivery-slow': { '': { fires: () => burning(ENDS.uncertain), silent: outageOfCustomerIo } },
  'freshness-slow': {
    '': {
      fires: outageOfCustomerIo,
      silent: async () => ({
        series: [subscription('track', 'oldest_unacked_message_age', 300, 360)],
        minutes: 360,
      }),
    },
  },
  'webhook-fast': {
    '': { fires: () => webhooksAnswered(503), silent: () => webhooksAnswered(401, STRANGERS_ADDRESS) },
  },
  'webhook-slow': { '': { fires: () => webhooksAnswered(401), silent: () => webhooksAnswered(204) } },
}
