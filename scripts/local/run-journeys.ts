import { once } from 'node:events'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { run } from '../cio/program.ts'
import type { RecipientAction } from '../emulators/customerio/index.ts'
import type { Stack } from './stack.ts'

/** How one send went, as `cio-gcp trace` tells it. */
export interface ShownJourney {
  readonly label: string
  /** What a person would type. */
  readonly command: string
  readonly text: string
  /** Which line is missing in it; undefined when all is well. */
  readonly complaint: string | undefined
}

/** How long both may take: an uncertain send waits for its settle time. */
const JOURNEYS_LIMIT_MS = 60_000

const MOST_LOOKS = 40
const LOOK_EVERY_MS = 250

const OPENED = { key: 'receipt-1001', recipient: 'ada@example.com' } as const
const SETTLED = { key: 'receipt-1002', recipient: 'grace@example.com' } as const

/**
 * Two sends through the whole pipeline and back: one that is opened, and one whose connection breaks, so that nobody knows
 * whether it went out, and which an operator settles.
 */
export async function runJourneys(stack: Stack): Promise<readonly ShownJourney[]> {
  const signal = AbortSignal.timeout(JOURNEYS_LIMIT_MS)
  await publish(stack, OPENED, signal)
  await act(stack, OPENED.recipient, { action: 'open', reports: 3 }, signal)
  const fault = { do: 'reset', processed: false } as const
  stack.customerio.orders.add({ on: 'send', count: 1, containing: [SETTLED.recipient], fault })
  const uncertain = await publish(stack, SETTLED, signal)
  const resent = acknowledged(stack, 'transactional', 1, signal)
  await cio(stack, ['dlq', 'settle', '--id', uncertain, '--resend', '--yes'])
  await resent
  await act(stack, SETTLED.recipient, { action: 'deliver', reports: 2 }, signal)
  return [
    await shown(stack, 'a send that was opened', OPENED.key, ['accepted by Customer.io, as delivery', 'opened']),
    await shown(stack, 'a send that was uncertain, until an operator settled it', SETTLED.key, [
      'reason uncertain',
      'an operator settled it as not sent',
      'accepted by Customer.io, as delivery',
    ]),
  ]
}

/** Resolves with the message's id when it is acknowledged: accepted, or dead-lettered. */
async function publish(stack: Stack, send: typeof OPENED | typeof SETTLED, signal: AbortSignal): Promise<string> {
  const { key, recipient } = send
  const message = {
    ...{ channel: 'email', transactional_message_id: 3, to: recipient, identifiers: { email: recipient } },
    message_data: { order: key },
  }
  const done = acknowledged(stack, 'transactional', 1, signal)
  const messageId = await stack.client
    .topic('transactional')
    .publishMessage({ data: Buffer.from(JSON.stringify(message)), attributes: { idempotency_key: key } })
  await done
  return messageId
}

/** Resolves when so many more messages of a subscription are acknowledged. */
async function acknowledged(stack: Stack, name: string, number: number, signal: AbortSignal): Promise<void> {
  const subscription = `projects/${stack.endpoints.projectId}/subscriptions/${name}`
  for (let left = number; left > 0; ) {
    const [event] = await once(stack.pubsub.events, 'acknowledged', { signal })
    if (event.subscription === subscription) left -= 1
  }
}

/** Has the recipient of the last message to an address do something; resolves when all that Customer.io reports is in BigQuery. */
async function act(
  stack: Stack,
  recipient: string,
  { action, reports }: { readonly action: RecipientAction; readonly reports: number },
  signal: AbortSignal,
): Promise<void> {
  const { recipients, workspace } = stack.customerio
  const send = workspace.sends.findLast((one) => one.recipient === recipient)
  const stored = acknowledged(stack, 'warehouse', reports, signal)
  recipients.act(send?.deliveryId ?? '', action)
  await stored
}

/** Asks until the lines are there: the record's come by way of a topic. */
async function shown(stack: Stack, label: string, key: string, lines: readonly string[]): Promise<ShownJourney> {
  for (let looks = 1; ; looks++) {
    const text = (await cio(stack, ['trace', '--key', key])).trimEnd()
    const missing = lines.find((line) => !text.includes(line))
    if (missing !== undefined && looks < MOST_LOOKS) {
      await delay(LOOK_EVERY_MS)
      continue
    }
    const complaint = missing === undefined ? undefined : `the journey of ${key} does not say "${missing}"`
    return { label, command: `npx cio-gcp trace --key ${key} --local`, text, complaint }
  }
}

/** Runs the command line here, on this stack, and gives what it prints. */
async function cio(stack: Stack, args: readonly string[]): Promise<string> {
  const printed = { stdout: '', stderr: '' }
  const into = (name: 'stdout' | 'stderr') =>
    new Writable({
      write(chunk: Buffer, _encoding, written) {
        printed[name] += chunk.toString()
        written()
      },
    })
  const file = join(stack.endpoints.secrets, '..', 'endpoints.json')
  const streams = { stdin: Readable.from([]), stdout: into('stdout'), stderr: into('stderr') }
  const code = await run([...args, '--endpoints', file], streams)
  return code === 0 ? printed.stdout : `${printed.stdout}${printed.stderr}`
}
