import {
  type CustomerIoServer,
  type FaultOrder,
  faultOrderSchema,
  type StandingOrder,
} from '../../../emulators/customerio/index.ts'
import type { Fault, FaultScope } from './fault.ts'

type Misdeed = Pick<FaultOrder, 'fault' | 'delayMs'>

/** Longer than the functions wait for an answer. */
const LATE_MS = 15_000

/** Everything that the local Customer.io can be ordered to do wrong with a request: README.md beside it. */
const MISDEEDS: readonly (readonly [id: string, label: string, about: string, misdeed: Misdeed])[] = [
  ['503', 'Answers 503', 'The request has no effect. It is tried again.', { fault: { do: 'answer', status: 503 } }],
  ['500', 'Answers 500', 'The request has no effect. It is tried again.', { fault: { do: 'answer', status: 500 } }],
  [
    '500-processed',
    'Answers 500, but does it',
    'The request takes effect all the same. A send is uncertain until it is found.',
    { fault: { do: 'answer', status: 500, processed: true } },
  ],
  ['html', 'Sends a web page', 'A load balancer answers 502 with HTML.', { fault: { do: 'html' } }],
  ['rate-limit', 'Answers 429', 'Too many requests, without a time to wait.', { fault: { do: 'rate_limit' } }],
  [
    'rate-limit-after',
    'Answers 429 with Retry-After',
    'Too many requests, and to wait for two seconds.',
    { fault: { do: 'rate_limit', retryAfterSeconds: 2 } },
  ],
  ['slow', 'Answers after 2 s', 'The request takes effect at once.', { fault: { do: 'delay' }, delayMs: 2_000 }],
  [
    'late',
    'Answers too late',
    `The request takes effect; its answer comes after ${LATE_MS / 1_000} s, when nobody waits any more.`,
    { fault: { do: 'delay' }, delayMs: LATE_MS },
  ],
  ['hang', 'Never answers', 'The request has no effect.', { fault: { do: 'hang' } }],
  [
    'hang-processed',
    'Never answers, but does it',
    'The request takes effect. A send is uncertain until it is found.',
    { fault: { do: 'hang', processed: true } },
  ],
  ['reset', 'Cuts the connection before', 'The request has no effect.', { fault: { do: 'reset' } }],
  [
    'reset-processed',
    'Cuts the connection after',
    'The request takes effect. A send is uncertain until it is found.',
    { fault: { do: 'reset', processed: true } },
  ],
  ['cut', 'Cuts the answer short', 'The request takes effect; half of its answer arrives.', { fault: { do: 'cut' } }],
  [
    'refuse',
    'Refuses the request',
    '400 for all that is in it: dead letters, after each message was tried alone.',
    { fault: { do: 'refuse' } },
  ],
  [
    'refuse-items',
    'Refuses a third of each batch',
    '207, which names the items: they become dead letters, the others are delivered.',
    { fault: { do: 'refuse_items', probability: 1 / 3 } },
  ],
  ['too-large', 'Answers 413', 'The request is too large: a batch is split.', { fault: { do: 'too_large' } }],
  ['unauthorized', 'Answers 401', 'As if the key were revoked. It is tried again.', { fault: { do: 'unauthorized' } }],
]

/** Made while nothing is wrong: the keys that are valid then are those that a switch gives back. */
export function customerIoFaults(server: CustomerIoServer): readonly Fault[] {
  const { orders, credentials } = server
  const { trackApiKeys, appApiKeys } = credentials.current
  const byOrder = MISDEEDS.map(([id, label, about, misdeed]): Fault => {
    const own = () => orders.list().filter((order) => isSame(order, misdeed))
    const withdraw = () => {
      for (const order of own()) orders.remove(order.id)
    }
    return {
      ...{ id: `customerio-${id}`, label, about },
      isOn: () => own().length > 0,
      orders: () => own().map((order) => order.id),
      hits: () => own().reduce((sum, { hits }) => sum + hits, 0),
      turnOn: ({ requests, probability }) => {
        withdraw()
        orders.add({ ...misdeed, on: requests, probability })
      },
      turnOff: withdraw,
    }
  })
  const revoked = (id: string, label: string, key: 'trackApiKeys' | 'appApiKeys', valid: readonly string[]): Fault => ({
    ...{ id: `customerio-${id}`, label, about: 'Every request is answered 401. Nothing is lost: it is tried again.' },
    isOn: () => credentials.current[key].length === 0,
    turnOn: () => credentials.replace({ [key]: [] }),
    turnOff: () => {
      if (credentials.current[key].length === 0) credentials.replace({ [key]: valid })
    },
  })
  return [
    {
      ...{ id: 'customerio-down', label: 'Is down', about: 'Connections are refused; what it knows stays.' },
      isOn: () => !server.isUp,
      turnOn: () => server.down(),
      turnOff: async () => {
        if (!server.isUp) await server.up()
      },
    },
    revoked('track-key', 'Track API key revoked', 'trackApiKeys', trackApiKeys),
    revoked('app-key', 'App API key revoked', 'appApiKeys', appApiKeys),
    ...byOrder,
  ]
}

/** Whether an order is one of a switch, whichever requests it meets. */
function isSame(order: StandingOrder, misdeed: Misdeed): boolean {
  const { fault, delayMs } = faultOrderSchema.parse(misdeed)
  return (
    order.delayMs === delayMs && order.containing === undefined && JSON.stringify(order.fault) === JSON.stringify(fault)
  )
}

/** All requests, each time. */
export const EVERYTHING: FaultScope = { requests: 'any', probability: 1 }
