import fc from 'fast-check'
import { classify, classifyBatch, type Endpoint, parseRetryAfter } from './classify.ts'
import type { Answer } from './transport.ts'

const NOW = Date.parse('2026-11-21T10:00:00Z')
const now = () => NOW
const response = (status: number, body: unknown = {}, headers: Record<string, string> = {}): Answer => ({
  kind: 'response',
  status,
  headers,
  body: typeof body === 'string' ? body : JSON.stringify(body),
})
const noReason = 'Customer.io answered 400: no reason given'
const html = '<!DOCTYPE html><title>Not Found</title>'

describe('one message', () => {
  it.each<[string, Endpoint, Answer, object]>([
    ['Track accepts', 'batch', response(200, '{}\n'), { kind: 'delivered' }],
    ['an empty 2xx', 'batch', response(200, ''), { kind: 'delivered' }],
    [
      'a send',
      'send',
      response(200, { delivery_id: 'RPIL', queued_at: 1_785_878_008 }),
      { kind: 'delivered', deliveryId: 'RPIL' },
    ],
    [
      'a 2xx that is a web page',
      'send',
      response(200, html),
      { kind: 'uncertain', reason: 'no_answer', error: 'answer 200 is not JSON', httpStatus: 200 },
    ],
    [
      'v1 400',
      'batch',
      response(400, { meta: { errors: ["value for attribute 'plan' cannot be longer than 1000 bytes"] } }),
      { kind: 'refused', reason: 'refused', error: expect.stringContaining('cannot be longer than 1000 bytes') },
    ],
    [
      'v2 400',
      'batch',
      response(400, { errors: [{ reason: 'invalid', field: 'identifiers', message: 'is required' }] }),
      { kind: 'refused', error: 'Customer.io answered 400: identifiers: invalid: is required', httpStatus: 400 },
    ],
    [
      '/send 400',
      'send',
      response(400, { meta: { error: 'Attachment must be base64 encoded: "a.xyz"' } }),
      { kind: 'refused', error: expect.stringContaining('must be base64') },
    ],
    [
      '/send 403 for a file type',
      'send',
      response(403, { meta: { error: 'Forbidden file type xyz for attachment a.xyz.' } }),
      { kind: 'refused', httpStatus: 403 },
    ],
    [
      '/send 403 for the plan',
      'send',
      response(403, { meta: { error: 'Account is not authorized for transactional messaging.' } }),
      { error: 'Customer.io answered 403: the plan or the credentials do not allow this', httpStatus: 403 },
    ],
    [
      'a 403 of a broadcast, whatever it says',
      'broadcast',
      response(403, { meta: { error: 'file type' } }),
      { kind: 'retry', cause: 'configuration' },
    ],
    [
      '/send 413',
      'send',
      response(413, { meta: { error: 'Total attachment size exceeds the limit' } }),
      { kind: 'refused' },
    ],
    [
      'a broadcast 422',
      'broadcast',
      response(422, { errors: [{ detail: 'Errors were found', source: { pointer: '/data' }, status: '422' }] }),
      { kind: 'refused', error: 'Customer.io answered 422: Errors were found' },
    ],
    ['a 422 elsewhere', 'send', response(422), { kind: 'retry', cause: 'configuration' }],
    [
      '401',
      'batch',
      response(401, { meta: { error: 'Unauthorized request' } }),
      { kind: 'retry', cause: 'configuration', error: 'Customer.io answered 401: the credentials are refused' },
    ],
    [
      'a 401 of /send, whatever it says',
      'send',
      response(401, { meta: { error: 'file type' } }),
      { kind: 'retry', cause: 'configuration' },
    ],
    [
      '402',
      'batch',
      response(402),
      { kind: 'retry', cause: 'configuration', error: 'Customer.io answered 402: the account has to be paid for' },
    ],
    [
      '404 of a list',
      'look_up',
      response(404, { meta: { error: 'customer not found' } }),
      { kind: 'refused', httpStatus: 404 },
    ],
    ['404 of a list, a web page', 'look_up', response(404, html), { kind: 'retry', cause: 'configuration' }],
    [
      '404, a web page',
      'batch',
      response(404, html),
      { kind: 'retry', cause: 'configuration', error: 'Customer.io answered 404: it does not have this path' },
    ],
    [
      'a wrong template',
      'send',
      response(404, { meta: { error: "transactional message 'welcom' not found" } }),
      { kind: 'refused', error: "Customer.io answered 404: transactional message 'welcom' not found" },
    ],
    [
      'a wrong broadcast',
      'broadcast',
      response(404, { errors: [{ detail: 'broadcast not found', status: '404' }] }),
      { kind: 'refused', httpStatus: 404 },
    ],
    ['a 404 of a gateway', 'send', response(404, { message: 'no route' }), { kind: 'retry', cause: 'configuration' }],
    ['a 404 of the path', 'send', response(404, html), { kind: 'retry', cause: 'configuration' }],
    [
      'a 404 of Track',
      'batch',
      response(404, { errors: [{ message: 'x' }] }),
      { kind: 'retry', cause: 'configuration' },
    ],
    [
      'a redirect',
      'batch',
      response(302, ''),
      { kind: 'retry', cause: 'configuration', error: 'Customer.io answered 302: is this its address?' },
    ],
    ['the first status of those', 'batch', response(300), { kind: 'retry', cause: 'configuration', httpStatus: 300 }],
    ['no status of any kind', 'send', response(0, ''), { kind: 'retry', cause: 'configuration', httpStatus: 0 }],
    [
      '429 with Retry-After',
      'send',
      response(429, { errors: [{ detail: 'rate limited', status: '429' }] }, { 'retry-after': '3' }),
      { kind: 'retry', cause: 'transient', reason: 'throttled', retryAfterMs: 3_000 },
    ],
    ['429 without', 'batch', response(429, ''), { kind: 'retry', cause: 'transient', httpStatus: 429 }],
    ['408', 'send', response(408), { kind: 'uncertain', reason: 'server_error', httpStatus: 408 }],
    ['500', 'send', response(500), { kind: 'uncertain', reason: 'server_error', httpStatus: 500 }],
    [
      '503',
      'batch',
      response(503, {}, { 'retry-after': '2' }),
      { kind: 'uncertain', httpStatus: 503, retryAfterMs: 2_000 },
    ],
    ['an HTML 502', 'send', response(502, html), { kind: 'uncertain', httpStatus: 502 }],
    [
      'no request',
      'send',
      { kind: 'no_request', code: 'TypeError' },
      { kind: 'retry', cause: 'configuration', error: expect.stringContaining('credential') },
    ],
    [
      'no connection',
      'send',
      { kind: 'no_connection', code: 'ECONNREFUSED' },
      {
        ...{ kind: 'retry', cause: 'transient', reason: 'no_connection' },
        error: 'no connection to Customer.io (ECONNREFUSED)',
      },
    ],
    [
      'a timeout',
      'send',
      { kind: 'no_answer', code: 'TIMEOUT' },
      { kind: 'uncertain', reason: 'no_answer', error: 'no complete answer from Customer.io (TIMEOUT)' },
    ],
    [
      'two errors, of which one has an empty field',
      'batch',
      response(400, { errors: [{ field: '', reason: 'invalid' }, 'too long'] }),
      { error: 'Customer.io answered 400: invalid; too long' },
    ],
    ['an error without words', 'batch', response(400, { errors: [{}] }), { error: noReason }],
    ['a 400 without an error', 'batch', response(400), { error: noReason }],
    ['a 400 that is a web page', 'batch', response(400, html), { error: expect.stringContaining('no JSON object') }],
  ])('%s', (_name, endpoint, answer, outcome) => {
    expect(classify(endpoint, answer, now)).toMatchObject(outcome)
  })

  it.each([
    [response(200, { delivery_id: 7 }), 'deliveryId'],
    [response(429, ''), 'retryAfterMs'],
    [response(503, '', { 'retry-after': 'soon' }), 'retryAfterMs'],
  ])('leaves out what %j does not tell: %s', (answer, field) => {
    expect(classify('send', answer, now)).not.toHaveProperty(field)
  })

  it('repeats no words of an answer that is about our configuration: they reach the log, and may quote a person', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Endpoint>('batch', 'send', 'broadcast', 'look_up'),
        fc.constantFrom(301, 401, 402, 403, 404, 405, 410, 422, 451),
        (endpoint, status) => {
          const outcome = classify(endpoint, response(status, { meta: { error: 'ada@example.com' } }), now)
          if (outcome.kind === 'retry') expect(outcome.error).not.toContain('ada')
          else expect(outcome).toMatchObject({ kind: 'refused' })
        },
      ),
    )
  })

  it('never says refused of an answer that does not speak of the message', () => {
    const status = fc
      .oneof(fc.integer({ min: 100, max: 199 }), fc.integer({ min: 300, max: 599 }))
      .filter((code) => ![400, 413, 422, 403].includes(code))
    fc.assert(
      fc.property(
        fc.constantFrom<Endpoint>('batch', 'send', 'broadcast'),
        status,
        fc.string(),
        (endpoint, code, body) => {
          expect(classify(endpoint, response(code, body), now).kind).not.toBe('refused')
          expect(classify(endpoint, response(code, body), now).kind).not.toBe('delivered')
        },
      ),
    )
  })

  it('has one outcome for every answer, and keeps the words bounded', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 200, max: 599 }),
        fc.json({ maxDepth: 4 }),
        fc.dictionary(fc.string(), fc.string()),
        (code, body, headers) => {
          const outcome = classify('send', response(code, body, headers), now)
          if ('error' in outcome) expect(outcome.error.length).toBeLessThanOrEqual(1_000)
        },
      ),
    )
    const words = 'x'.repeat(5_000)
    expect(classify('batch', response(400, { meta: { error: words } }), now)).toMatchObject({
      error: expect.stringMatching(/^.{1000}$/),
    })
  })
})

describe('a v2 batch', () => {
  it('maps the refused items of a 207 by their index', () => {
    const errors = [
      {
        batch_index: 1,
        reason: 'invalid',
        field: 'attributes.plan',
        message: 'property value cannot be longer than 1000 bytes',
      },
    ]
    expect(classifyBatch(3, response(207, { errors }), now)).toEqual({
      kind: 'perItem',
      outcomes: [
        { kind: 'delivered' },
        {
          kind: 'refused',
          reason: 'refused',
          error:
            'Customer.io refused the item: attributes.plan: invalid: property value cannot be longer than 1000 bytes',
          httpStatus: 207,
        },
        { kind: 'delivered' },
      ],
    })
  })

  it.each([
    [{}],
    [{ batch_index: 3 }],
    [{ batch_index: -1 }],
    [{ batch_index: 0.5 }],
    [{ batch_index: '1' }],
    ['text'],
    [null],
  ])('divides a batch whose error %j names no item of it', (entry) => {
    expect(classifyBatch(3, response(207, { errors: [entry] }), now).kind).toBe('refusedWhole')
  })

  it('holds the only item to an error that names none', () => {
    expect(classifyBatch(1, response(207, { errors: { message: 'no' } }), now)).toMatchObject({
      kind: 'perItem',
      outcomes: [{ kind: 'refused', error: 'Customer.io refused the item: no' }],
    })
    expect(classifyBatch(1, response(207, { errors: [5] }), now)).toMatchObject({
      outcomes: [{ error: 'Customer.io refused the item: no reason given' }],
    })
  })

  it('divides a batch that is refused as a whole, and refuses a single item', () => {
    for (const status of [400, 413]) {
      expect(classifyBatch(2, response(status), now).kind).toBe('refusedWhole')
      expect(classifyBatch(1, response(status), now)).toMatchObject({
        kind: 'perItem',
        outcomes: [{ kind: 'refused' }],
      })
    }
  })

  it('gives every item the same outcome when the answer speaks of none', () => {
    expect(classifyBatch(2, response(503), now)).toMatchObject({
      kind: 'perItem',
      outcomes: [{ kind: 'uncertain' }, { kind: 'uncertain' }],
    })
    for (const body of [{ errors: null }, {}]) {
      expect(classifyBatch(2, response(200, body), now)).toEqual({
        kind: 'perItem',
        outcomes: [{ kind: 'delivered' }, { kind: 'delivered' }],
      })
    }
  })

  it('reads no items from an answer that is no success, whatever it names', () => {
    const errors = [{ batch_index: 0, message: 'no' }]
    expect(classifyBatch(2, response(503, { errors }), now)).toMatchObject({
      outcomes: [{ kind: 'uncertain' }, { kind: 'uncertain' }],
    })
    expect(classifyBatch(2, response(404, { errors }), now)).toMatchObject({
      outcomes: [{ cause: 'configuration' }, { cause: 'configuration' }],
    })
  })

  it('keeps the words about an item bounded', () => {
    const errors = [{ batch_index: 0, message: 'x'.repeat(5_000) }]
    expect(classifyBatch(1, response(207, { errors }), now)).toMatchObject({
      outcomes: [{ error: expect.stringMatching(/^.{1000}$/) }],
    })
  })

  it('decides each item exactly once, whatever a 207 says', () => {
    const entry = fc.oneof(
      fc.record({ batch_index: fc.integer({ min: -2, max: 12 }), message: fc.string() }),
      fc.jsonValue(),
    )
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 }), fc.array(entry), (size, errors) => {
        const verdict = classifyBatch(size, response(207, { errors }), now)
        if (verdict.kind === 'perItem') expect(verdict.outcomes).toHaveLength(size)
        else expect(size).toBeGreaterThan(1)
      }),
    )
  })
})

it.each([
  [undefined, undefined],
  ['', undefined],
  [' ', undefined],
  ['soon', undefined],
  ['1', 1_000],
  ['0.5', 500],
  ['-3', 0],
  ['Sat, 21 Nov 2026 10:00:07 GMT', 7_000],
  ['Sat, 21 Nov 2026 09:00:00 GMT', 0],
])('reads Retry-After %j as %j ms', (header, milliseconds) => {
  expect(parseRetryAfter(header, NOW)).toBe(milliseconds)
})
