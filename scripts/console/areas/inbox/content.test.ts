import { contentOf, linksIn } from './content.ts'

const contentIn = (channel: 'email' | 'push' | 'sms', body: object) => contentOf({ channel, body: { ...body } })

it('tells what is header, text, attachment, data and the rest of an e-mail', () => {
  const body = {
    ...{ to: 'ada@example.com', from: 'shop@example.com', subject: 'Your order', identifiers: { id: 'ada' } },
    ...{ body: '<p>Hello</p>', body_plain: 'Hello', headers: { 'X-Order': 'o-1' }, message_data: { order: 'o-1' } },
    ...{ attachments: { 'invoice.txt': Buffer.from('42.50').toString('base64') }, tracked: true },
  }
  expect(contentIn('email', body)).toEqual({
    headers: [
      ['To', 'ada@example.com'],
      ['From', 'shop@example.com'],
      ['Subject', 'Your order'],
      ['X-Order', 'o-1'],
    ],
    html: true,
    text: 'Hello',
    amp: undefined,
    attachments: [{ name: 'invoice.txt', bytes: 5 }],
    data: { order: 'o-1' },
    rest: { tracked: true },
    isKnown: true,
  })
})

it('knows nothing of what a template says', () => {
  const email = {
    to: 'ada@example.com',
    transactional_message_id: 3,
    identifiers: { id: 'ada' },
    message_data: { a: 1 },
  }
  expect(contentIn('email', email)).toMatchObject({
    isKnown: false,
    html: false,
    text: undefined,
    data: { a: 1 },
    rest: {},
  })
  // A subject alone says nothing of the text below it.
  expect(contentIn('email', { ...email, subject: 'x' })).toMatchObject({ isKnown: false })
  expect(contentIn('sms', { to: '+15550100', from: '+15550101' })).toMatchObject({
    isKnown: false,
    headers: [
      ['To', '+15550100'],
      ['From', '+15550101'],
    ],
  })
})

it('shows the words of a push, and a field of an e-mail in it as one field more', () => {
  expect(contentIn('push', { title: 'Shipped', message: 'On its way', body: '<b>x</b>' })).toMatchObject({
    ...{ text: 'Shipped\n\nOn its way', isKnown: true, html: false, rest: { body: '<b>x</b>' } },
  })
})

it.each([
  [
    '{"X-Order":"o-1","X-List":["a"]}',
    [
      ['X-Order', 'o-1'],
      ['X-List', '["a"]'],
    ],
  ],
  ['not JSON', []],
  ['["a"]', []],
  [7, []],
])('reads the headers %j', (headers, expected) => {
  expect(contentIn('email', { headers }).headers).toEqual(expected)
})

it('lists the links on the web that can be clicked, and no others', () => {
  const html = `<a href="https://example.com/a?x=1&amp;y=2">a</a> <a href='http://example.com/b'>b</a><a href=https://example.com/a?x=1&amp;y=2>again</a>
    <a href="javascript:alert(1)">c</a><a href="data:text/html,x">d</a><a href="mailto:a@example.com">e</a>`
  expect(linksIn(html)).toEqual(['https://example.com/a?x=1&y=2', 'http://example.com/b'])
  expect(linksIn('<a href="https://example.com/a">'.repeat(50_000))).toHaveLength(1)
  expect(linksIn(Array.from({ length: 50 }, (_, n) => `<a href="https://example.com/${n}">`).join(''))).toHaveLength(20)
})
