import { identifiersKey } from './ordering.ts'

describe('the ordering key', () => {
  it.each([
    [{ id: 'u1' }, 'id:u1'],
    [{ email: 'Jane@Example.com' }, 'email:jane@example.com'],
    [{ email: 'jane@BÜCHER.example' }, 'email:jane@xn--bcher-kva.example'],
    [{ cio_id: 'd9c1' }, 'cio_id:d9c1'],
    [{ phone: '+15551234567' }, 'phone:+15551234567'],
    [{ object_type_id: '1', object_id: 'acme' }, 'object:1:acme'],
    [{ cio_object_id: 'x' }, 'cio_object_id:x'],
  ])('of %j is %s', (identifiers, key) => {
    expect(identifiersKey(identifiers)).toBe(key)
  })

  it('stays within what Pub/Sub takes, and still tells people apart', () => {
    const [a, b] = ['a', 'b'].map((end) => identifiersKey({ cio_object_id: `${'é'.repeat(600)}${end}` }))
    expect(Buffer.byteLength(a ?? '')).toBeLessThanOrEqual(1_024)
    expect(a).not.toBe(b)
  })
})
