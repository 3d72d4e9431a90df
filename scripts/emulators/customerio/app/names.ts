import { appRefused, json } from '../answers.ts'
import type { Route } from '../context.ts'

/** What the samples of webhooks have ids of. */
const CAMPAIGNS = [{ id: 21, name: 'Order shipped', tags: ['orders', 'transport'] }]
const BROADCASTS = [{ id: 32, name: 'Price drop', tags: ['sales'] }]
const NEWSLETTERS = [
  { id: 43, name: 'November news', content_ids: [431] },
  { id: 44, name: 'December news', content_ids: [441] },
]
const TRANSACTIONAL = [{ id: 54, name: 'Receipt' }]
const TOPICS = [
  { id: 1, identifier: 'topic_1', name: 'Offers' },
  { id: 7, identifier: 'topic_7', name: 'News' },
]
const ACTION = { id: '211', type: 'email', name: 'On its way' }

const lookup = { method: 'GET', kind: 'lookup', credentials: 'app', budget: 'app' } as const

const list = (path: string, name: string, items: readonly object[]): Route => ({
  ...lookup,
  path: `/v1/${path}`,
  name: path,
  handle: () => json(200, { [name]: items }),
})

const actions = (path: string, parents: readonly { readonly id: number }[], idField: string): Route => ({
  ...lookup,
  path: `/v1/${path}/:id/actions`,
  name: `${path}/actions`,
  handle: ({ params }) => {
    const parent = parents.find(({ id }) => String(id) === params[0])
    if (parent === undefined) return appRefused(404, 'not found')
    return json(200, { actions: [{ ...ACTION, [idField]: parent.id }], next: '' })
  },
})

export const NAME_ROUTES: readonly Route[] = [
  list('campaigns', 'campaigns', CAMPAIGNS),
  list('broadcasts', 'broadcasts', BROADCASTS),
  {
    ...lookup,
    path: '/v1/transactional',
    name: 'transactional',
    handle: (_request, { workspace }) => {
      const templates = [...TRANSACTIONAL, ...workspace.templates.named()]
      return json(200, { messages: templates.map((template) => ({ ...template, description: '' })) })
    },
  },
  list('subscription_topics', 'topics', TOPICS),
  actions('campaigns', CAMPAIGNS, 'campaign_id'),
  actions('broadcasts', BROADCASTS, 'broadcast_id'),
  {
    ...lookup,
    path: '/v1/newsletters',
    name: 'newsletters',
    handle: ({ query }) => {
      // One a page, so that whoever reads only the first is found out.
      const at = Number(query.get('start') ?? 0)
      const next = at + 1 < NEWSLETTERS.length ? String(at + 1) : ''
      return json(200, { newsletters: NEWSLETTERS.slice(at, at + 1), next })
    },
  },
]
