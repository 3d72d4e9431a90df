import { identifyMessage, trackMessage } from '../contract/index.ts'
import { personKeys } from './person-keys.ts'

const [one, two] = [{ id: 'u1' }, { email: 'Ann@x.com' }]

it.each([
  [{ identifiers: one, attributes: { plan: 'pro' } }, ['id:u1']],
  [{ action: 'delete', identifiers: two }, ['email:ann@x.com']],
  [{ action: 'merge', primary: one, secondary: two }, ['id:u1', 'email:ann@x.com']],
  [{ type: 'object', identifiers: { object_type_id: '1', object_id: 'acme' } }, ['object:1:acme']],
])('names whom %j changes', (message, keys) => {
  expect(personKeys(identifyMessage.parse(message))).toEqual(keys)
})

it.each(['event', 'page', 'screen'])('names nobody for a %s, which changes nobody', (action) => {
  expect(personKeys(trackMessage.parse({ action, identifiers: one, name: 'https://example.com/' }))).toEqual([])
})
