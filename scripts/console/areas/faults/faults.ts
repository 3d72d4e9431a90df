import { z } from 'zod'
import type { Clock } from '../../../../shared/clock/index.ts'
import { ENDPOINT_KINDS, type StandingOrder } from '../../../emulators/customerio/index.ts'
import type { Stack } from '../../../local/stack.ts'
import { type Area, ConsoleError, read } from '../../server/area.ts'
import { customerIoFaults, EVERYTHING } from './customerio.ts'
import type { Fault, FaultScope } from './fault.ts'
import { bigQueryFaults, firestoreFaults, pubSubFaults } from './stores.ts'

/** What goes wrong in the local stack at this moment, and what can be made to. */
export interface FaultsState {
  readonly groups: readonly { readonly name: string; readonly switches: readonly FaultSwitch[] }[]
  readonly presets: readonly { readonly name: string; readonly about: string; readonly isOn: boolean }[]
  /** Orders to Customer.io that no switch gives, such as one for a single person. */
  readonly otherOrders: readonly StandingOrder[]
  /** When everything is turned off by itself. */
  readonly endsAtMs: number | undefined
}

export interface FaultSwitch {
  readonly id: string
  readonly label: string
  readonly about: string
  readonly isOn: boolean
  readonly hits: number | undefined
}

interface Preset {
  readonly name: string
  readonly about: string
  readonly faults: readonly (readonly [id: string, scope: FaultScope])[]
}

const PRESETS: readonly Preset[] = [
  { name: 'outage', about: 'Customer.io is down.', faults: [['customerio-down', EVERYTHING]] },
  {
    name: 'brown-out',
    about: 'Customer.io answers a third of the requests with 503, and half of the others after 2 s.',
    faults: [
      ['customerio-503', { requests: 'any', probability: 1 / 3 }],
      ['customerio-slow', { requests: 'any', probability: 1 / 2 }],
    ],
  },
  {
    name: 'revoked key',
    about: 'Customer.io takes neither key.',
    faults: [
      ['customerio-track-key', EVERYTHING],
      ['customerio-app-key', EVERYTHING],
    ],
  },
  {
    name: 'slow list',
    about: 'The list of deliveries, by which uncertain sends are settled, answers too late.',
    faults: [['customerio-late', { requests: 'lookup', probability: 1 }]],
  },
]

const seconds = z.number().positive().max(3_600).optional()
const switchOrder = z.strictObject({
  id: z.string(),
  on: z.boolean(),
  requests: z.enum([...ENDPOINT_KINDS, 'any']).default('any'),
  probability: z.number().gt(0).max(1).default(1),
})
const presetOrder = z.strictObject({ name: z.string(), seconds })

/** How often the counts of a fault are told while requests meet it. */
const TELL_EVERY_MS = 500

/** Makes trouble in the local stack, and ends it. */
export function areaFaults(stack: Stack, clock: Clock): Area {
  const groups: readonly (readonly [string, readonly Fault[]])[] = [
    ['Customer.io', customerIoFaults(stack.customerio)],
    ['Pub/Sub', pubSubFaults(stack)],
    ['Firestore', firestoreFaults(stack)],
    ['BigQuery', bigQueryFaults(stack)],
  ]
  const all = groups.flatMap(([, faults]) => faults)
  const listeners = new Set<() => void>()
  let endsAtMs: number | undefined
  let cancelEnd = () => {}

  const find = (id: string) => {
    const fault = all.find((one) => one.id === id)
    if (fault === undefined) throw new ConsoleError(`there is no fault ${id}`, { field: 'id' })
    return fault
  }

  function state(): FaultsState {
    const known = new Set(all.flatMap((fault) => fault.orders?.() ?? []))
    return {
      groups: groups.map(([name, faults]) => ({ name, switches: faults.map(describe) })),
      presets: PRESETS.map(({ name, about, faults }) => ({
        name,
        about,
        isOn: faults.every(([id]) => find(id).isOn()),
      })),
      otherOrders: stack.customerio.orders.list().filter(({ id }) => !known.has(id)),
      endsAtMs,
    }
  }

  function tell(): FaultsState {
    for (const listener of listeners) listener()
    return state()
  }

  async function calm(): Promise<void> {
    cancelEnd()
    endsAtMs = undefined
    for (const fault of all) if (fault.isOn()) await fault.turnOff()
    stack.customerio.orders.clear()
  }

  return {
    name: 'faults',
    close: async () => cancelEnd(),
    routes: [
      { method: 'GET', path: '/api/faults', run: () => state() },
      {
        method: 'POST',
        path: '/api/faults/switch',
        run: async ({ body }) => {
          const { id, on, ...scope } = read(switchOrder, body)
          const fault = find(id)
          await (on ? fault.turnOn(scope) : fault.turnOff())
          return tell()
        },
      },
      {
        method: 'POST',
        path: '/api/faults/preset',
        run: async ({ body }) => {
          const order = read(presetOrder, body)
          const preset = PRESETS.find(({ name }) => name === order.name)
          if (preset === undefined) throw new ConsoleError(`there is no preset ${order.name}`, { field: 'name' })
          await calm()
          for (const [id, scope] of preset.faults) await find(id).turnOn(scope)
          if (order.seconds !== undefined) {
            const lastsMs = order.seconds * 1_000
            endsAtMs = clock.now() + lastsMs
            cancelEnd = clock.after(lastsMs, () => void calm().then(tell))
          }
          return tell()
        },
      },
      {
        method: 'POST',
        path: '/api/faults/calm',
        run: async () => {
          await calm()
          return tell()
        },
      },
      {
        method: 'POST',
        path: '/api/faults/restart-pubsub',
        run: async () => {
          await stack.restartPubSub()
          return tell()
        },
      },
    ],
    feeds: {
      faults: (send) => {
        let cancelTell: (() => void) | undefined
        const now = () => send(state())
        const soon = () => {
          if (stack.customerio.orders.list().length === 0) return
          cancelTell ??= clock.after(TELL_EVERY_MS, () => {
            cancelTell = undefined
            now()
          })
        }
        listeners.add(now)
        stack.customerio.events.on('received', soon)
        return () => {
          cancelTell?.()
          listeners.delete(now)
          stack.customerio.events.off('received', soon)
        }
      },
    },
  }
}

function describe(fault: Fault): FaultSwitch {
  const { id, label, about } = fault
  return { id, label, about, isOn: fault.isOn(), hits: fault.hits?.() }
}
