import { type Clock, sleep } from '../../shared/clock/index.ts'
import { isRecord } from '../../shared/json/index.ts'
import type { Observed } from '../emulators/customerio/index.ts'
import type { Receiver } from './receiver.ts'
import type { Answered, ConformanceWorkspace } from './workspace.ts'

/** What the probes need, and how far they may go. */
export interface Probing {
  readonly workspace: ConformanceWorkspace
  readonly clock: Clock
  /** Makes what a run names its own: unique per run. */
  readonly run: string
  /** Where the one message goes; undefined: none is sent. */
  readonly to: string | undefined
  /** Template of that message. */
  readonly template: number | undefined
  /** After these, each event is repeated: seconds. */
  readonly repeatAfterSeconds: readonly number[]
  /** Where webhooks arrive; undefined: they are not looked at. */
  readonly receiver: Receiver | undefined
}

export interface Probe {
  readonly name: string
  /** What it does to the workspace, in one sentence. */
  readonly does: (probing: Omit<Probing, 'workspace' | 'clock'>) => string
  /** Why it cannot run; undefined if it can. */
  readonly whyNot?: (probing: Omit<Probing, 'workspace' | 'clock'>) => string | undefined
  readonly observe: (probing: Probing) => Promise<Partial<Observed>>
}

/** The one person of the probes, who is deleted at the end. */
export const PERSON = 'cio-gcp-conformance'
const WHO = { type: 'person', identifiers: { id: PERSON } }
/** No workspace numbers its templates so high. */
const NO_SUCH_TEMPLATE = 999_999_999
const POLL_MS = 2_000
const LONGEST_WAIT_MS = 15 * 60_000
/** Above the documented 10 per second of the App API. */
const BURST = 40
const BATCHES = [101, 500, 1_000]

/** Thrown when an answer is none that the probe knows: what was observed until then stands. */
export class ProbeError extends Error {
  override readonly name = 'ProbeError'
}

export const PROBES: readonly Probe[] = [
  {
    name: 'kilobyte',
    does: () => `sends one update of ${PERSON} with 32,400 bytes, between 32 × 1,000 and 32 × 1,024`,
    async observe({ workspace }) {
      // Values have 1,000 bytes at most, so they are many.
      const values = Object.fromEntries(Array.from({ length: 35 }, (_, index) => [`filler_${index}`, 'x'.repeat(900)]))
      const text = JSON.stringify(update(values))
      const rest = 32_400 - Buffer.byteLength(text) - Buffer.byteLength(',"rest":""')
      const sized = JSON.stringify(update({ ...values, rest: 'x'.repeat(Math.max(0, rest)) }))
      const { status } = await workspace.track('/api/v2/entity', sized)
      if (status === 200) return { kilobyte: 1_024 }
      if (status === 400 || status === 413) return { kilobyte: 1_000 }
      throw unknownAnswer('kilobyte', status)
    },
  },
  {
    name: 'batch',
    does: () => `sends batches of ${BATCHES.join(', ')} updates of ${PERSON} that change nothing`,
    async observe({ workspace }) {
      let accepted: number | undefined
      for (const count of BATCHES) {
        const batch = Array.from({ length: count }, () => update({ filler_0: 'same' }))
        const { status } = await workspace.track('/api/v2/batch', { batch })
        if (status === 200) accepted = count
        else if (status === 400 || status === 413) {
          return { batch: { ...(accepted !== undefined && { items_accepted: accepted }), items_refused: count } }
        } else throw unknownAnswer('batch', status)
      }
      return { batch: { items_accepted: accepted } }
    },
  },
  {
    name: 'partly_bad_batch',
    does: () => `sends a batch of three events of ${PERSON}, of which the second has no name`,
    async observe(probing) {
      const [first, last] = [eventName(probing, 'first'), eventName(probing, 'last')]
      const batch = [event(first), { ...WHO, action: 'event' }, event(last)]
      const { status, body } = await probing.workspace.track('/api/v2/batch', { batch })
      const errors = isRecord(body) && Array.isArray(body.errors) ? body.errors : []
      const names_items = errors.some((error) => isRecord(error) && error.batch_index === 1)
      const sentinel = await settled(probing, 'partly')
      return {
        partly_bad_batch: {
          status,
          names_items,
          good_items_applied: sentinel.includes(first) && sentinel.includes(last),
        },
      }
    },
  },
  {
    name: 'event_ids',
    does: ({ repeatAfterSeconds }) =>
      `sends events of ${PERSON} under one id twice: at once${repeatAfterSeconds.map((each) => ` and after ${each} s`).join('')}`,
    async observe(probing) {
      const { workspace, clock, repeatAfterSeconds } = probing
      const ulid_ignored_after_seconds: number[] = []
      const ulid_counted_after_seconds: number[] = []
      const other = eventName(probing, 'other')
      for (let time = 0; time < 2; time++) await accepted(workspace, event(other, `not-a-ulid-${probing.run}`))
      const startedMs = clock.now()
      const waits = [0, ...repeatAfterSeconds]
      for (const [index] of waits.entries())
        await accepted(workspace, event(eventName(probing, `id-${index}`), ulidOf(probing, index)))
      for (const [index, seconds] of waits.entries()) {
        await sleep(clock, Math.max(0, startedMs + seconds * 1_000 - clock.now()))
        const name = eventName(probing, `id-${index}`)
        await accepted(workspace, event(name, ulidOf(probing, index)))
        const times = (await settled(probing, `repeated-${index}`)).filter((each) => each === name).length
        ;(times > 1 ? ulid_counted_after_seconds : ulid_ignored_after_seconds).push(seconds)
      }
      const others = (await settled(probing, 'others')).filter((each) => each === other).length
      return {
        event_ids: {
          ulid_ignored_after_seconds,
          ulid_counted_after_seconds,
          other_ids: others > 1 ? 'counted' : 'ignored',
        },
      }
    },
  },
  {
    name: 'unknown_template',
    does: () => `asks for an e-mail of template ${NO_SUCH_TEMPLATE} to ${PERSON}, which cannot be sent`,
    whyNot: ({ to }) => (to === undefined ? 'it needs --to: should that template exist, it goes there' : undefined),
    async observe({ workspace, to }) {
      const { status } = await send(workspace, NO_SUCH_TEMPLATE, to)
      return { unknown_template_status: status }
    },
  },
  {
    name: 'delivery_list',
    does: ({ to, template }) =>
      `sends one e-mail of template ${template} to ${to}, and asks for ${PERSON}'s list until it is there`,
    whyNot: ({ to, template }) =>
      to === undefined || template === undefined ? 'it needs --to and --template' : undefined,
    async observe({ workspace, clock, to, template }) {
      const { status, body } = await send(workspace, template ?? 0, to)
      const id = isRecord(body) ? body.delivery_id : undefined
      if (status !== 200 || typeof id !== 'string') throw unknownAnswer('delivery_list', status)
      const sentMs = clock.now()
      await until(clock, async () => {
        const listed = await workspace.app('GET', `/v1/customers/${PERSON}/messages`)
        const messages = isRecord(listed.body) && Array.isArray(listed.body.messages) ? listed.body.messages : []
        return messages.some((message) => isRecord(message) && message.id === id)
      })
      return { delivery_list_delay_seconds: Math.ceil((clock.now() - sentMs) / 1_000) }
    },
  },
  {
    name: 'webhook_retries',
    does: ({ receiver }) =>
      `makes a reporting webhook to ${receiver?.url}, unsubscribes ${PERSON}, refuses the first webhook with 503, and removes it again`,
    whyNot: ({ receiver }) => (receiver === undefined ? 'it needs --webhook-url and --listen' : undefined),
    async observe({ workspace, clock, receiver }) {
      if (receiver === undefined) return {}
      const made = await workspace.app('POST', '/v1/reporting_webhooks', {
        ...{ name: PERSON, endpoint: receiver.url, events: ['customer_unsubscribed'] },
        ...{ disabled: false, full_resolution: true, with_content: false },
      })
      const id = isRecord(made.body) ? made.body.id : undefined
      if (typeof id !== 'number') throw unknownAnswer('webhook_retries', made.status)
      try {
        receiver.refuseNext()
        await accepted(workspace, update({ unsubscribed: true }))
        await until(clock, async () => receiver.timesOfRetried() !== undefined)
      } finally {
        await workspace.app('DELETE', `/v1/reporting_webhooks/${id}`)
      }
      const times = receiver.timesOfRetried()
      return { webhook_retry_signature: times?.first === times?.again ? 'first' : 'fresh' }
    },
  },
  {
    name: 'throttling',
    does: () =>
      `asks the App API ${BURST} times at once for the person, more than its limit of 10 per second: others of the account may get a 429`,
    async observe({ workspace, clock }) {
      // What the probes before asked for is over.
      await sleep(clock, POLL_MS)
      const all = await Promise.all(
        Array.from({ length: BURST }, () => workspace.app('GET', `/v1/customers/${PERSON}/attributes`)),
      )
      const passed = all.filter(({ status }) => status !== 429).length
      const refused = all.find(({ status }) => status === 429)
      if (refused === undefined) return {}
      const after = refused.headers.get('retry-after')
      const retry_after_seconds = after !== null && /^\d+$/.test(after) ? Number(after) : null
      return { throttling: { requests_until_429: passed + 1, retry_after_seconds } }
    },
  },
]

/** Removes the person with everything that was noted of them. What was delivered stays delivered. */
export async function undo({ workspace }: Pick<Probing, 'workspace'>): Promise<void> {
  await accepted(workspace, { ...WHO, action: 'delete' })
}

function update(attributes: object) {
  return { ...WHO, action: 'identify', attributes }
}

function event(name: string, id?: string) {
  return { ...WHO, action: 'event', name, ...(id !== undefined && { id }) }
}

const eventName = ({ run }: Pick<Probing, 'run'>, what: string) => `conformance ${run} ${what}`

/** 26 characters of Crockford's alphabet, of the run and a number. */
function ulidOf({ run }: Pick<Probing, 'run'>, number: number): string {
  const digits = [...`${run}${number}`].map((each) => (/[0-9A-HJKMNP-TV-Z]/i.test(each) ? each.toUpperCase() : '0'))
  return `0${digits.join('')}`.padEnd(26, '0').slice(0, 26)
}

async function accepted(workspace: ConformanceWorkspace, operation: object): Promise<void> {
  const { status } = await workspace.track('/api/v2/entity', operation)
  if (status !== 200) throw unknownAnswer('an operation', status)
}

function send(workspace: ConformanceWorkspace, template: number, to: string | undefined): Promise<Answered> {
  return workspace.app('POST', '/v1/send/email', {
    ...{ transactional_message_id: template, identifiers: { id: PERSON }, to, message_data: { conformance: true } },
  })
}

/** The names of the person's events once one that was sent last is among them. */
async function settled(probing: Probing, what: string): Promise<readonly string[]> {
  const { workspace, clock } = probing
  const last = eventName(probing, `${what} end`)
  await accepted(workspace, event(last))
  let names: readonly string[] = []
  await until(clock, async () => {
    const { body } = await workspace.app('GET', `/v1/customers/${PERSON}/activities?type=event&limit=100`)
    const activities = isRecord(body) && Array.isArray(body.activities) ? body.activities : []
    names = activities.flatMap((each) => (isRecord(each) && typeof each.name === 'string' ? [each.name] : []))
    return names.includes(last)
  })
  return names
}

async function until(clock: Clock, isSo: () => Promise<boolean>): Promise<void> {
  const startedMs = clock.now()
  while (!(await isSo())) {
    if (clock.now() - startedMs > LONGEST_WAIT_MS) throw new ProbeError('nothing came of it within 15 minutes')
    await sleep(clock, POLL_MS)
  }
}

function unknownAnswer(probe: string, status: number): ProbeError {
  return new ProbeError(`${probe}: Customer.io answered ${status}, which tells nothing here`)
}
