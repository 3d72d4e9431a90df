import { z } from 'zod'
import { type Answer, json, NO_CONTENT } from '../answers.ts'
import type { Context } from '../context.ts'
import type { Credentials } from '../credentials.ts'
import { type FaultOrders, faultOrderSchema } from '../faults.ts'
import { parseBody } from '../json.ts'
import { RECIPIENT_ACTIONS, type RecipientAction, type Recipients } from '../recipient.ts'
import type { Reports } from '../reports.ts'
import { IDENTIFIER_KINDS } from '../track/operations.ts'
import { TriggerError, trigger } from '../trigger.ts'
import type { WebhookSender } from '../webhooks.ts'
import { describePerson, identifierOfShape } from '../workspace/people.ts'

export interface LocalParts {
  readonly context: Context
  readonly orders: FaultOrders
  readonly credentials: Credentials
  readonly webhooks: WebhookSender
  readonly recipients: Recipients
  readonly reports: Reports
}

const PAGE = 100
const wholeNumber = z.coerce.number().int().nonnegative().optional()
const pageQuery = z.object({
  kind: z.string().optional(),
  containing: z.string().optional(),
  after: wholeNumber,
  limit: wholeNumber,
})
const webhookOrder = z.strictObject({ events: z.array(z.record(z.string(), z.unknown())).min(1) })
const webhookSettings = z.strictObject({ url: z.url().optional(), signingKey: z.string().min(1).optional() })
const recipientOrder = z.strictObject({
  does: z.enum(Object.keys(RECIPIENT_ACTIONS) as RecipientAction[]),
  href: z.string().optional(),
})
const triggerOrder = z.strictObject({
  event: z.string(),
  person: z.strictObject({ kind: z.enum(IDENTIFIER_KINDS), value: z.string().min(1) }),
  deliveryId: z.string().optional(),
})
const credentialChanges = z.strictObject({
  siteId: z.string().optional(),
  trackApiKeys: z.array(z.string()).optional(),
  appApiKeys: z.array(z.string()).optional(),
})

const notFound = (what: string) =>
  json(404, { error: `${what} not found; see the README beside this server for what there is` })

/** A page of a list, by position: `after` is how many to leave out, `next` what to ask for then. */
function pageOf(list: readonly unknown[], { after = 0, limit = PAGE }: z.output<typeof pageQuery>) {
  const end = after + limit
  return { entries: list.slice(after, end), total: list.length, next: end < list.length ? end : null }
}

/** What a person, a test or the chaos run asks and tells the local Customer.io: everything under `/_local`. */
export function createLocalApi(parts: LocalParts): (method: string, url: URL, body: Buffer) => Answer {
  return (method, url, body) => {
    try {
      return answer(parts, method, url, body)
    } catch (error) {
      if (error instanceof z.ZodError) return json(400, { error: z.prettifyError(error) })
      if (error instanceof TriggerError) return json(400, { error: error.message })
      if (error instanceof URIError) return json(400, { error: 'the path has broken percent-encoding' })
      throw error
    }
  }
}

function answer(parts: LocalParts, method: string, url: URL, body: Buffer): Answer {
  const [area = '', name] = url.pathname.split('/').slice(2).map(decodeURIComponent)
  const query = pageQuery.parse(Object.fromEntries(url.searchParams))
  const { context, orders, credentials } = parts
  const { workspace, inbox, statistics } = context
  switch (`${method} ${area}`) {
    case 'GET inbox':
      return json(
        200,
        inbox.list({
          kinds: query.kind?.split(','),
          containing: query.containing,
          after: query.after,
          limit: query.limit,
        }),
      )
    case 'DELETE inbox':
      inbox.clear()
      statistics.clear()
      return NO_CONTENT
    case 'DELETE state':
      inbox.clear()
      statistics.clear()
      workspace.clear()
      return NO_CONTENT
    case 'GET people':
      return name === undefined
        ? json(200, pageOf([...workspace.people.all()].map(describePerson), query))
        : person(parts, name)
    case 'GET suppressed':
      return json(200, pageOf(workspace.people.suppressed(), query))
    case 'GET events':
      return json(200, pageOf(workspace.events.all(), query))
    case 'GET sends':
      return json(200, pageOf(workspace.sends, query))
    case 'POST sends': {
      const { does, href } = recipientOrder.parse(parseBody(body))
      const reported = parts.recipients.act(name ?? '', does, href)
      return reported === undefined ? notFound(`a message that its recipient can ${does}`) : json(202, { reported })
    }
    case 'POST trigger':
      return json(
        202,
        trigger({ workspace, reports: parts.reports, nowMs: context.now() }, triggerOrder.parse(parseBody(body))),
      )
    case 'GET broadcasts':
      return json(200, pageOf(workspace.broadcasts, query))
    case 'GET stats':
      return json(200, {
        ...statistics.report(),
        people: workspace.people.size,
        events: { received: workspace.events.received, distinct: workspace.events.all().length },
      })
    case 'GET faults':
      return json(200, { orders: orders.list() })
    case 'POST faults':
      return json(201, { id: orders.add(faultOrderSchema.parse(parseBody(body))) })
    case 'DELETE faults':
      if (name === undefined) orders.clear()
      else if (!orders.remove(Number(name))) return notFound('order')
      return NO_CONTENT
    case 'PUT credentials':
      credentials.replace(credentialChanges.parse(parseBody(body)))
      return NO_CONTENT
    default:
      return area === 'webhooks' ? webhooks(parts, method, body) : notFound('local endpoint')
  }
}

function person({ context }: LocalParts, name: string): Answer {
  const { people, objects, events } = context.workspace
  const who = identifierOfShape(name)
  const found = people.find(who)
  const suppressed = people.isSuppressed(who)
  if (found === undefined) return suppressed ? json(200, { suppressed, person: null }) : notFound('person')
  const own = events.all().filter((event) => people.find(event.who) === found)
  return json(200, { suppressed, person: describePerson(found), objects: objects.of(who), events: own })
}

function webhooks({ webhooks }: LocalParts, method: string, body: Buffer): Answer {
  switch (method) {
    case 'GET':
      return json(200, webhooks.state)
    case 'POST': {
      const { events } = webhookOrder.parse(parseBody(body))
      for (const event of events) webhooks.send(event)
      return json(202, { queued: events.length })
    }
    case 'PUT': {
      const { url, signingKey } = webhookSettings.parse(parseBody(body))
      if (url !== undefined) webhooks.deliverTo(url)
      if (signingKey !== undefined) webhooks.signWith(signingKey)
      return NO_CONTENT
    }
    default:
      return notFound('local endpoint')
  }
}
