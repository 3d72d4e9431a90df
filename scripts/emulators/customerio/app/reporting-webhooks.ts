import { type Answer, appRefused, json, NO_CONTENT } from '../answers.ts'
import type { Context, ReceivedRequest, Route } from '../context.ts'
import { isObject, type JsonObject, parseBody } from '../json.ts'
import { type ReportingWebhook, SUBSCRIBABLE_EVENTS } from '../reporting-webhooks.ts'

const KNOWN_EVENTS = new Set(SUBSCRIBABLE_EVENTS)

/** Takes over the given fields onto what there was; the text is why it cannot. */
function changed(base: ReportingWebhook, body: JsonObject): ReportingWebhook | string {
  const { name = base.name, endpoint = base.endpoint, events = base.events } = body
  const flag = (field: 'disabled' | 'full_resolution' | 'with_content') => {
    const value = body[field]
    return typeof value === 'boolean' ? value : base[field]
  }
  if (typeof name !== 'string' || name === '') return 'name is required'
  if (typeof endpoint !== 'string' || !URL.canParse(endpoint)) return 'endpoint must be a URL'
  if (!Array.isArray(events) || events.length === 0) return 'events is required'
  const unknown = events.find((event) => typeof event !== 'string' || !KNOWN_EVENTS.has(event))
  if (unknown !== undefined) return `unknown event ${String(unknown)}`
  const flags = {
    disabled: flag('disabled'),
    full_resolution: flag('full_resolution'),
    with_content: flag('with_content'),
  }
  return { ...base, name, endpoint, events: events.map(String), ...flags }
}

function save(base: ReportingWebhook, request: ReceivedRequest, { reportingWebhooks }: Context): Answer {
  const body = parseBody(request.body)
  if (!isObject(body)) return appRefused(400, 'body is not a JSON object')
  const saved = changed(base, body)
  if (typeof saved === 'string') return appRefused(400, saved)
  reportingWebhooks.byId.set(saved.id, saved)
  return json(200, saved)
}

/** Works on the webhook that the path names, or answers 404. */
function existing(
  work: (webhook: ReportingWebhook, request: ReceivedRequest, context: Context) => Answer,
): Route['handle'] {
  return (request, context) => {
    const webhook = context.reportingWebhooks.byId.get(Number(request.params[0]))
    return webhook === undefined ? appRefused(404, 'reporting webhook not found') : work(webhook, request, context)
  }
}

function create(request: ReceivedRequest, context: Context): Answer {
  const id = context.reportingWebhooks.nextId()
  const empty = {
    id,
    type: 'webhook',
    name: '',
    endpoint: '',
    events: [],
    disabled: false,
    full_resolution: true,
    with_content: false,
  } as const
  return save(empty, request, context)
}

const account = { kind: 'account', credentials: 'app', budget: 'app' } as const

export const ACCOUNT_ROUTES: readonly Route[] = [
  {
    ...account,
    method: 'GET',
    path: '/v1/reporting_webhooks',
    name: 'reporting_webhooks/list',
    handle: (_request, { reportingWebhooks }) =>
      json(200, { reporting_webhooks: [...reportingWebhooks.byId.values()] }),
  },
  { ...account, method: 'POST', path: '/v1/reporting_webhooks', name: 'reporting_webhooks/create', handle: create },
  {
    ...account,
    method: 'GET',
    path: '/v1/reporting_webhooks/:id',
    name: 'reporting_webhooks/get',
    handle: existing((webhook) => json(200, webhook)),
  },
  {
    ...account,
    method: 'PUT',
    path: '/v1/reporting_webhooks/:id',
    name: 'reporting_webhooks/update',
    handle: existing(save),
  },
  {
    ...account,
    method: 'DELETE',
    path: '/v1/reporting_webhooks/:id',
    name: 'reporting_webhooks/delete',
    handle: existing(({ id }, _request, { reportingWebhooks }) => {
      reportingWebhooks.byId.delete(id)
      return NO_CONTENT
    }),
  },
  {
    ...account,
    method: 'GET',
    path: '/v1/info/ip_addresses',
    name: 'ip_addresses',
    handle: () => json(200, { ip_addresses: ['127.0.0.1', '::1'] }),
  },
]
