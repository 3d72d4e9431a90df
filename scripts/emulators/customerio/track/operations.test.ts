import fc from 'fast-check'
import { parseOperation } from './operations.ts'

const person = (more: Record<string, unknown>) => ({
  type: 'person',
  action: 'identify',
  identifiers: { id: 'u1' },
  ...more,
})
const event = (more: Record<string, unknown>) => person({ action: 'event', name: 'ordered', ...more })

describe('an operation of Track v2', () => {
  it.each<[string, unknown, string, string]>([
    ['is no object', 'text', '', 'invalid'],
    ['has no type', { action: 'identify' }, 'type', 'required'],
    ['has an unknown type', { type: 'robot' }, 'type', 'invalid'],
    ['has no action', { type: 'person' }, 'action', 'required'],
    ['has an action of another type', { type: 'object', action: 'suppress' }, 'action', 'invalid'],
    ['is a delivery that is no event', { type: 'delivery', action: 'identify' }, 'action', 'invalid'],
    ['has no identifiers', person({ identifiers: undefined }), 'identifiers', 'required'],
    ['has identifiers that are no object', person({ identifiers: 'u1' }), 'identifiers', 'invalid'],
    ['has two identifiers', person({ identifiers: { id: 'u1', email: 'a@b.c' } }), 'identifiers', 'invalid'],
    ['names an address that is none', person({ identifiers: { email: 'a@b@c' } }), 'identifiers.email', 'invalid'],
    ['has an unknown identifier', person({ identifiers: { passport: '1' } }), 'identifiers', 'invalid'],
    ['has an empty id', person({ identifiers: { id: '' } }), 'identifiers.id', 'required'],
    ['has an id that is no text', person({ identifiers: { id: {} } }), 'identifiers.id', 'invalid'],
    [
      'has an id of 151 bytes in 51 characters',
      person({ identifiers: { id: `x${'字'.repeat(50)}` } }),
      'identifiers.id',
      'invalid',
    ],
    ['has attributes that are a list', person({ attributes: [] }), 'attributes', 'invalid'],
    [
      'has 301 attributes',
      person({ attributes: Object.fromEntries(Array.from({ length: 301 }, (_, n) => [`a${n}`, n])) }),
      'attributes',
      'invalid',
    ],
    ['has an attribute name of 151 bytes', person({ attributes: { ['n'.repeat(151)]: 1 } }), 'attributes', 'invalid'],
    [
      'has a value of 1,002 bytes as JSON',
      person({ attributes: { list: ['x'.repeat(998)] } }),
      'attributes.list',
      'invalid',
    ],
    ['has a timestamp with a fraction', person({ timestamp: 1.5 }), 'timestamp', 'invalid'],
    ['has a timestamp in text', person({ timestamp: '1793610000' }), 'timestamp', 'invalid'],
    ['is an event without a name', event({ name: undefined }), 'name', 'required'],
    ['is an event whose name is a number', event({ name: 7 }), 'name', 'invalid'],
    ['is an event whose id is a number', event({ id: 7 }), 'id', 'invalid'],
    [
      'adds a device without a platform',
      person({ action: 'add_device', device: { token: 't' } }),
      'device.platform',
      'invalid',
    ],
    [
      'adds a device without a token',
      person({ action: 'add_device', device: { platform: 'ios' } }),
      'device.token',
      'required',
    ],
    ['merges with nobody', person({ action: 'merge', primary: { id: 'u1' } }), 'secondary', 'required'],
    ['adds no relationships', person({ action: 'add_relationships' }), 'cio_relationships', 'required'],
    ['has relationships that are no list', person({ cio_relationships: {} }), 'cio_relationships', 'invalid'],
    ['has a relationship that is no object', person({ cio_relationships: ['acme'] }), 'cio_relationships', 'invalid'],
    ['is an object without identifiers', { type: 'object', action: 'identify' }, 'identifiers', 'required'],
    [
      'is an object with half of its identifiers',
      { type: 'object', action: 'identify', identifiers: { object_id: 'x' } },
      'identifiers',
      'invalid',
    ],
  ])('is refused when it %s', (_what, operation, field, reason) => {
    expect(parseOperation(operation)).toEqual({ ok: false, error: { field, reason, message: expect.any(String) } })
  })

  it.each<[string, unknown]>([
    ['identifies by a numeric id', person({ identifiers: { id: 42 } })],
    ['has an id of 150 bytes', person({ identifiers: { id: '字'.repeat(50) } })],
    ['has a value of 1,000 bytes', person({ attributes: { note: 'x'.repeat(1_000) } })],
    [
      'has 300 attributes',
      person({ attributes: Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`a${n}`, n])) }),
    ],
    ['is an event with large attributes', event({ attributes: { note: 'x'.repeat(5_000) } })],
    ['is an anonymous event', event({ identifiers: { anonymous_id: 'a1' } })],
    ['deletes a device', person({ action: 'delete_device', device: { token: 't' } })],
    ['names an object by its own id', { type: 'object', action: 'delete', identifiers: { cio_object_id: 'x' } }],
    ['reports a delivery', { type: 'delivery', action: 'event', attributes: { name: 'opened' } }],
  ])('is accepted when it %s', (_what, operation) => {
    expect(parseOperation(operation)).toMatchObject({ ok: true })
  })

  it('never makes the server throw, whatever is sent', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.constantFrom('person', 'object', 'delivery'),
        fc.constantFrom('identify', 'event', 'merge', 'add_device'),
        (json, type, action) => {
          const sent = typeof json === 'object' && json !== null ? { ...json, type, action } : json
          expect(typeof parseOperation(sent).ok).toBe('boolean')
        },
      ),
    )
  })

  it.each([
    [
      'an object with a numeric id',
      { type: 'object', action: 'identify', identifiers: { object_type_id: 1, object_id: 7 } },
    ],
    ['a page by its whole address', event({ action: 'page', name: `https://example.com/${'x'.repeat(200)}` })],
  ])('may be %s', (_what, operation) => {
    expect(parseOperation(operation)).toMatchObject({ ok: true })
  })
})
