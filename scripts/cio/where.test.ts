import { meets, type Where, whereIn } from './where.ts'

const OF_CANCEL = ['topic', 'lane', 'template', 'event', 'person'] as const
const OF_REPLAY = ['person', 'event', 'action', 'channel', 'template', 'lane', 'attribute.<name>'] as const

it('reads conditions by field', () => {
  const given = ['lane=bulk', 'template=3', 'person=email:a=b@acme.com']
  const where = { lane: 'bulk', template: '3', person: { kind: 'email', value: 'a=b@acme.com' } }
  expect(whereIn(given, OF_CANCEL)).toEqual(where)
  expect(whereIn(given, OF_REPLAY, 'transactional')).toEqual(where)
  const attributes = ['attribute.tenant=acme', 'attribute.run=7']
  expect(whereIn(attributes, OF_REPLAY, 'track')).toEqual({ 'attribute.tenant': 'acme', 'attribute.run': '7' })
})

it.each([
  [['tpic=track'], '--where tpic: it must be one of topic, lane'],
  [['attribute.tenant=acme'], '--where attribute.tenant: it must be one of topic, lane'],
  [['topic=warehouse'], 'it must be one of identify, track, transactional'],
  [['lane=slow'], 'it must be one of urgent, bulk'],
  [['person=u1'], 'it must begin with one of id, email'],
  [['person=id:'], 'names nobody'],
  [['topic'], '--where topic: it must be name=value'],
  [['=track'], 'it must be name=value'],
  [['event='], 'it must be name=value'],
  [['topic=track', 'topic=identify'], 'given twice'],
  [['topic=track', 'template=3'], 'only messages of transactional'],
  [['topic=identify', 'event=sale'], 'only messages of track'],
  [['template=3', 'event=sale'], 'only messages of track'],
])('refuses %j', (given, problem) => {
  expect(() => whereIn(given, OF_CANCEL)).toThrow(problem)
})

it('refuses of a topic what its messages do not have, and an attribute without a name', () => {
  expect(() => whereIn(['channel=email'], OF_REPLAY, 'track')).toThrow('only messages of transactional')
  expect(() => whereIn(['attribute.=x'], OF_REPLAY, 'track')).toThrow('--where attribute.: it must be one of')
  expect(() => whereIn(['attribute.a=1', 'attribute.a=2'], OF_REPLAY, 'track')).toThrow('given twice')
})

const sale = {
  source: { topic: 'track' },
  data: Buffer.from(JSON.stringify({ identifiers: { id: 'u1' }, name: 'sale' })),
  attributes: { tenant: 'acme' },
}

it.each<[Where, boolean]>([
  [{}, true],
  [{ topic: 'track', event: 'sale', action: 'event', lane: 'urgent', 'attribute.tenant': 'acme' }, true],
  [{ topic: 'identify' }, false],
  [{ event: 'order' }, false],
  [{ action: 'page' }, false],
  [{ lane: 'bulk' }, false],
  [{ template: '3' }, false],
  [{ channel: 'email' }, false],
  [{ 'attribute.tenant': 'other' }, false],
  [{ 'attribute.run': '7' }, false],
  [{ person: { kind: 'id', value: 'u1' } }, true],
  [{ person: { kind: 'id', value: 'u2' } }, false],
  [{ person: { kind: 'cio_id', value: 'u1' } }, false],
])('a message meets %j: %s', (where, expected) => {
  expect(meets(sale, where)).toBe(expected)
})
