import { type Answer, appRefused, json } from '../answers.ts'
import type { Context, ReceivedRequest, Route } from '../context.ts'
import { describePerson } from '../workspace/people.ts'
import { personIn } from './deliveries.ts'

function attributes(request: ReceivedRequest, context: Context): Answer {
  const wanted = personIn(request, context)
  if (wanted === undefined) return appRefused(400, 'id_type is not an identifier of this workspace')
  const person = context.workspace.people.find(wanted)
  if (person === undefined) return appRefused(404, 'customer not found')
  return json(200, { customer: { id: person.identifiers.id ?? null, ...describePerson(person) } })
}

function byEmail(request: ReceivedRequest, { workspace }: Context): Answer {
  const email = request.query.get('email')
  if (email === null || email === '') return appRefused(400, 'email is required')
  const person = workspace.people.find({ kind: 'email', value: email })
  if (person === undefined) return json(200, { results: [] })
  const { id = null, email: held = null, cio_id } = person.identifiers
  return json(200, { results: [{ id, email: held, cio_id }] })
}

/** Events and changed attributes of a person, newest first. */
function activities(request: ReceivedRequest, context: Context): Answer {
  const { workspace } = context
  const wanted = personIn(request, context)
  const person = wanted && workspace.people.find(wanted)
  if (person === undefined) return appRefused(404, 'customer not found')
  const customer_id = person.identifiers.id ?? null
  const own = workspace.events.all().filter((event) => workspace.people.find(event.who) === person)
  const events = own.map(({ id, action, name, attributes: data, timestamp, receivedAtMs }) => ({
    id: id ?? null,
    type: action,
    name,
    data,
    timestamp: timestamp ?? Math.floor(receivedAtMs / 1000),
    customer_id,
  }))
  const changes = person.attributes.changes().map(({ name, from, to, atSeconds }) => ({
    id: null,
    type: 'attribute_change',
    name,
    data: { [name]: { from: from ?? null, to: to ?? null } },
    timestamp: atSeconds,
    customer_id,
  }))
  const all = [...events, ...changes].sort((a, b) => a.timestamp - b.timestamp).reverse()
  return json(200, { activities: all, next: '' })
}

const lookup = { method: 'GET', kind: 'lookup', credentials: 'app', budget: 'app' } as const

export const PEOPLE_ROUTES: readonly Route[] = [
  { ...lookup, path: '/v1/customers', name: 'customers', handle: byEmail },
  { ...lookup, path: '/v1/customers/:id/attributes', name: 'customers/attributes', handle: attributes },
  { ...lookup, path: '/v1/customers/:id/activities', name: 'customers/activities', handle: activities },
]
