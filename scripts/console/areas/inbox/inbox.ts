import { z } from 'zod'
import { printable } from '../../../cio/output.ts'
import type { Entry } from '../../../cio/trace/entry.ts'
import { TraceRows } from '../../../cio/trace/rows.ts'
import {
  type BroadcastTrigger,
  RECIPIENT_ACTIONS,
  type RecipientAction,
  type Send,
} from '../../../emulators/customerio/index.ts'
import type { Stack } from '../../../local/stack.ts'
import { type Area, ConsoleError, read, SandboxedDocument } from '../../server/area.ts'
import { attachmentsOf, type Content, contentOf, htmlOf, linksIn } from './content.ts'

/** One line of the inbox: a message that somebody would have received, or a broadcast, whose readers Customer.io chooses. */
export interface Received {
  /** Customer.io's id of the delivery; of a broadcast `broadcast-` and the number of the trigger. */
  readonly id: string
  readonly channel: Send['channel'] | 'broadcast'
  /** The address or number, where the message has one. */
  readonly recipient: string | null
  /** Whom it is for: `id:ada`. */
  readonly person: string
  /** Subject or title, else its template by number. As all that a sender decides: what would be obeyed is shown instead. */
  readonly subject: string
  readonly atMs: number
  /** The metrics that were reported of it, in order: `sent`, `delivered`, `opened`. */
  readonly reported: readonly string[]
}

/** A webhook that has become a row in BigQuery. */
export interface StoredEvent {
  readonly eventId: string
  readonly metric: string
  readonly atMs: number
}

/** A message as its recipient has it, and what can be done with it. */
export interface ReceivedMessage extends Received {
  readonly template: number | undefined
  readonly content: Content
  /** What its reader can click. */
  readonly links: readonly string[]
  readonly actions: readonly RecipientAction[]
  /** The webhooks about it that are rows in BigQuery. */
  readonly stored: readonly StoredEvent[]
  /** Pub/Sub's id of the message that caused it, once the record tells. */
  readonly messageId: string | undefined
}

/** What the feed `inbox` tells: a message came or something was reported of it, or a webhook about it was answered. */
export type InboxEvent =
  | { readonly kind: 'message'; readonly message: Received }
  | { readonly kind: 'webhook'; readonly id: string; readonly metric: string; readonly status: number | undefined }
  /** Some webhook has become a row. */
  | { readonly kind: 'stored' }

const MOST_SHOWN = 500

const listQuery = z.object({ channel: z.string().optional(), containing: z.string().optional() })
const actOrder = z.strictObject({
  does: z.enum(Object.keys(RECIPIENT_ACTIONS) as RecipientAction[]),
  href: z.url({ protocol: /^https?$/ }).optional(),
})

/** The inbox of the local stack: what people would have received, and the people who open, click and unsubscribe. */
export function areaInbox(stack: Stack): Area {
  const { customerio } = stack
  const rows = new TraceRows(stack.warehouse, stack.topology.bigquery.dataset, 0)

  const summaryOf = (send: Send): Received => ({
    id: send.deliveryId,
    channel: send.channel,
    recipient: send.recipient === null ? null : printable(send.recipient),
    person: printable(`${send.who.kind}:${send.who.value}`),
    subject: printable(subjectOf(send)),
    atMs: send.createdAtMs,
    reported: customerio.recipients.reported(send).map(({ metric }) => metric),
  })

  function list({ channel, containing = '' }: z.output<typeof listQuery>) {
    const { sends, broadcasts } = customerio.workspace
    const isMeant = (of: Received['channel'], texts: readonly (string | null)[]) =>
      (channel === undefined || channel === of) && (containing === '' || holds(texts, containing.toLowerCase()))
    const sent = newest(sends, (send) =>
      isMeant(send.channel, [send.deliveryId, send.recipient, send.who.value, subjectOf(send)]),
    )
    const triggered = newest(broadcasts, (one) => isMeant('broadcast', [idOf(one), titleOf(one)]))
    const messages = [...sent.newest.map(summaryOf), ...triggered.newest.map(broadcastSummary)]
    return {
      messages: messages.sort((a, b) => b.atMs - a.atMs).slice(0, MOST_SHOWN),
      found: sent.found + triggered.found,
      channels: countsOf(sends, broadcasts.length),
    }
  }

  function find(id: string | undefined): Send {
    const send = customerio.workspace.sends.find(({ deliveryId }) => deliveryId === id)
    if (send === undefined) throw new ConsoleError('no such message was received', { status: 404 })
    return send
  }

  async function show(id: string | undefined): Promise<ReceivedMessage> {
    const broadcast = customerio.workspace.broadcasts.find((one) => idOf(one) === id)
    if (broadcast !== undefined) return broadcastMessage(broadcast)
    const send = find(id)
    const deliveryIds = [send.deliveryId]
    const [events, outcomes] = await Promise.all([
      rows.events(deliveryIds),
      rows.outcomes({ messageIds: [], keyHashes: [], deliveryIds }),
    ])
    return {
      ...summaryOf(send),
      template: send.body.transactional_message_id === undefined ? undefined : send.transactionalMessageId,
      content: contentOf(send),
      links: send.channel === 'email' ? linksIn(htmlOf(send.body) ?? '') : [],
      actions: customerio.recipients.actionsOf(send.channel),
      stored: storedIn(events),
      messageId: outcomes.flatMap(({ messageIds = [] }) => messageIds.slice(-1)).at(0),
    }
  }

  return {
    name: 'inbox',
    routes: [
      {
        method: 'GET',
        path: '/api/inbox',
        run: ({ query }) => list(read(listQuery, query)),
      },
      { method: 'GET', path: '/api/inbox/:id', run: ({ params }) => show(params.id) },
      {
        method: 'GET',
        path: '/api/inbox/:id/html',
        run: ({ params, query }) =>
          new SandboxedDocument(htmlOf(find(params.id).body) ?? '', { remoteImages: query.get('remote') === 'yes' }),
      },
      {
        method: 'GET',
        path: '/api/inbox/:id/attachments/:number',
        run: ({ params }) => {
          // By number: a name may hold anything.
          const found = attachmentsOf(find(params.id).body)[Number(params.number)]
          if (found === undefined) throw new ConsoleError('the message has no such attachment', { status: 404 })
          return { name: found[0], base64: found[1] }
        },
      },
      {
        method: 'POST',
        path: '/api/inbox/:id/act',
        run: ({ params, body }) => {
          const { does, href } = read(actOrder, body)
          const reported = customerio.recipients.act(find(params.id).deliveryId, does, href)
          if (reported === undefined) {
            throw new ConsoleError(`Customer.io reports no such thing of this channel: ${does}`, { field: 'does' })
          }
          return { reported }
        },
      },
    ],
    feeds: {
      inbox: (tell) => {
        const send = (event: InboxEvent) => tell(event)
        const onSend = (one: Send) => send({ kind: 'message', message: summaryOf(one) })
        const onBroadcast = (one: BroadcastTrigger) => send({ kind: 'message', message: broadcastSummary(one) })
        const onAttempt = ({ body, status }: { readonly body: Buffer; readonly status?: number }) => {
          const told = reportSchema.safeParse(parsed(body))
          if (!told.success) return
          const { metric, data } = told.data
          const about = customerio.workspace.sends.find(({ deliveryId }) => deliveryId === data.delivery_id)
          if (about === undefined) return
          send({ kind: 'message', message: summaryOf(about) })
          send({ kind: 'webhook', id: data.delivery_id, metric, status })
        }
        const onAcknowledged = ({ subscription }: { readonly subscription: string }) => {
          if (subscription === warehouse) send({ kind: 'stored' })
        }
        const warehouse = `projects/${stack.endpoints.projectId}/subscriptions/warehouse`
        const { changes } = customerio.workspace
        changes.on('send', onSend).on('broadcast', onBroadcast)
        customerio.webhooks.events.on('attempt', onAttempt)
        stack.pubsub.events.on('acknowledged', onAcknowledged)
        return () => {
          changes.off('send', onSend).off('broadcast', onBroadcast)
          customerio.webhooks.events.off('attempt', onAttempt)
          stack.pubsub.events.off('acknowledged', onAcknowledged)
        }
      },
    },
  }
}

const reportSchema = z.object({ metric: z.string(), data: z.object({ delivery_id: z.string() }) })

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    return undefined
  }
}

function storedIn(entries: readonly Entry[]): readonly StoredEvent[] {
  return entries
    .flatMap(({ atMs, fact }) =>
      fact.kind === 'came_back' ? [{ eventId: fact.eventId, metric: fact.metric, atMs }] : [],
    )
    .sort((a, b) => a.atMs - b.atMs)
}

function subjectOf({ subject, body, transactionalMessageId }: Send): string {
  if (subject !== null) return subject
  return typeof body.title === 'string' && body.title !== '' ? body.title : `Template ${transactionalMessageId}`
}

function holds(texts: readonly (string | null)[], sought: string): boolean {
  return texts.some((text) => text?.toLowerCase().includes(sought))
}

/** How many of a list match, and the last of them, the newest first. There may be a hundred thousand. */
function newest<T>(items: readonly T[], matches: (item: T) => boolean): { found: number; newest: readonly T[] } {
  const last: T[] = []
  let found = 0
  for (let index = items.length - 1; index >= 0; index--) {
    const item = items[index]
    if (item === undefined || !matches(item)) continue
    if (found++ < MOST_SHOWN) last.push(item)
  }
  return { found, newest: last }
}

function countsOf(sends: readonly Send[], broadcasts: number): Record<string, number> {
  const counts: Record<string, number> = broadcasts === 0 ? {} : { broadcast: broadcasts }
  for (const { channel } of sends) counts[channel] = (counts[channel] ?? 0) + 1
  return counts
}

const idOf = ({ id }: BroadcastTrigger) => `broadcast-${id}`
const titleOf = ({ broadcastId }: BroadcastTrigger) => printable(`Broadcast ${broadcastId}`)

function broadcastSummary(broadcast: BroadcastTrigger): Received {
  return {
    id: idOf(broadcast),
    channel: 'broadcast',
    recipient: null,
    person: '',
    subject: titleOf(broadcast),
    atMs: broadcast.createdAtMs,
    reported: [],
  }
}

function broadcastMessage(broadcast: BroadcastTrigger): ReceivedMessage {
  const { data, ...rest } = broadcast.body
  const nothing = { headers: [], html: false, text: undefined, amp: undefined, attachments: [], isKnown: false }
  return {
    ...broadcastSummary(broadcast),
    template: undefined,
    content: { ...nothing, data, rest },
    links: [],
    actions: [],
    stored: [],
    messageId: undefined,
  }
}
