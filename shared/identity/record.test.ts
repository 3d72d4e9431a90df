import type { TopicName } from '../contract/index.ts'
import { hashesOfPersons, identifierOf, keyOf, recordedPersons } from './index.ts'

const KEY = { id: 'key', secret: 's'.repeat(32) }

it.each<[TopicName, object, string[]]>([
  ['identify', { identifiers: { email: 'Ann@X.com' }, attributes: { id: 7 } }, ['email:ann@x.com', 'id:7']],
  ['identify', { action: 'merge', primary: { id: 'a' }, secondary: { id: 'b' } }, ['id:a', 'id:b']],
  ['identify', { identifiers: { id: 'a' }, cio_relationships: [{ identifiers: { id: 'b' } }] }, ['id:a']],
  ['track', { identifiers: { anonymous_id: 5 }, name: 'x', attributes: { reply_to: 'b@x.com' } }, ['anonymous_id:5']],
  [
    'transactional',
    { channel: 'email', identifiers: { id: 'a' }, to: 'a@x.com', bcc: 'b@x.com', from: 'shop@x.com' },
    ['id:a', 'email:a@x.com', 'email:b@x.com'],
  ],
  ['transactional', { channel: 'broadcast', broadcast_id: 1, emails: ['a@x.com', 'b@x.com'] }, []],
])('the record of a message is about whom it changes and whom it is sent to: %s %j', (topic, message, expected) => {
  expect(recordedPersons(topic, message).map(keyOf)).toEqual(expected)
})

it('has one hash per name, whatever its spelling, and tells nothing of it', () => {
  const persons = ['Ann@X.com', 'ann@x.com', 'Ann <ANN@x.com>', 'bob@x.com'].flatMap(
    (text) => identifierOf('email', text) ?? [],
  )
  const hashes = hashesOfPersons(KEY, persons)
  expect(hashes).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/), expect.stringMatching(/^[0-9a-f]{64}$/)])
})
