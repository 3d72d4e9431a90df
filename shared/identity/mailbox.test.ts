import fc from 'fast-check'
import { mailboxesOf, mailboxOf, shareMailbox } from './index.ts'

it.each<[string, string[]]>([
  ['ada@example.com', ['ada@example.com']],
  ['  ADA@Example.COM ', ['ada@example.com']],
  ['Ada Lovelace <ada@example.com>', ['ada@example.com']],
  ['"Lovelace, Ada" <ada@example.com>, bob@example.com', ['ada@example.com', 'bob@example.com']],
  ['"a <x@y.z>" <ada@example.com>', ['ada@example.com']],
  [
    'ada@example.com (a "comment", with (nesting \\)) and a comma), bob@example.com',
    ['ada@example.com', 'bob@example.com'],
  ],
  ['mailto:ada@example.com', ['ada@example.com']],
  ['MAILTO:ada@example.com?subject=Hi', ['ada@example.com']],
  ['Ada <mailto:ada@example.com>', ['ada@example.com']],
  ['mailto:ada%2Bnews@b%C3%BCcher.example', ['ada+news@xn--bcher-kva.example']],
  ['mailto:ada%zz@example.com', ['ada%zz@example.com']],
  ['ada%2Bnews@example.com', ['ada%2bnews@example.com']],
  ['Friends: ada@example.com, Bob <bob@example.com>;', ['ada@example.com', 'bob@example.com']],
  ['ada@bücher.example', ['ada@xn--bcher-kva.example']],
  ['ada@xn--bcher-kva.example', ['ada@xn--bcher-kva.example']],
  ['ada@BÜCHER.example.', ['ada@xn--bcher-kva.example']],
  ['"ada"@example.com', ['ada@example.com']],
  ['"ada\\"s, box"@example.com', ['ada"s, box@example.com']],
  ['ada+news@example.com', ['ada+news@example.com']],
  ['ada @ example.com', ['ada@example.com']],
  ['a@example.com', ['a@example.com']],
  ['Ada <ada@example.com', ['ada@example.com']],
  [' mailto:ada%2Bnews@example.com', ['ada+news@example.com']],
  ['Ada < mailto:ada%2Bnews@example.com >', ['ada+news@example.com']],
  // Groups, whose names only hold the word: their addresses are no links.
  ['no mailto: ada%2Bnews@example.com', ['ada%2bnews@example.com']],
  ['mailto us: ada%2Bnews@example.com', ['ada%2bnews@example.com']],
  ['<to:mailto:ada@example.com>', ['to:mailto:ada@example.com']],
  ['<"ada@example.com>', ['"ada@example.com']],
  ['<ada"@example.com>', ['ada"@example.com']],
  ['<"@example.com>', ['"@example.com']],
  ['""@example.com', []],
  ['ada@example.com,ADA@example.com', ['ada@example.com']],
  ['jose\u0301@example.com', ['jos\u00e9@example.com']],
  ['', []],
  ['ada', []],
  ['@example.com', []],
  ['ada@', []],
  ['ada@example.com/.example.org', []],
  ['ada@example.com?bcc=bob', []],
  ['Ada <ada', []],
  ['"open quote', []],
])('finds in %j the mailboxes %j', (list, mailboxes) => {
  expect(mailboxesOf(list)).toEqual(mailboxes)
})

it.each<[string, string | undefined]>([
  ['Ada <ada@example.com> ; ', 'ada@example.com'],
  [' , <ada@example.com>', 'ada@example.com'],
  ['ada@example.com, nobody', undefined],
  ['ada@example.com, ada@example.com', undefined],
  ['nobody', undefined],
])('takes %j for the one address %j', (text, mailbox) => {
  expect(mailboxOf(text)).toBe(mailbox)
})

it.each([
  ['ada@example.com, bob@example.com', 'Bob <BOB@example.com>, cid@example.com', true],
  ['ada@example.com', 'bob@example.com', false],
  ['nobody', 'nobody', false],
])('knows whether %j and %j reach a mailbox in common: %s', (one, other, isShared) => {
  expect(shareMailbox(one, other)).toBe(isShared)
})

it('reads any text without an error', () => {
  const piece = fc.constantFrom(
    'a',
    'B',
    '@',
    '.',
    ',',
    '<',
    '>',
    '"',
    '(',
    ')',
    '\\',
    ':',
    ';',
    ' ',
    'ü',
    'mailto:',
    '?',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece, { maxLength: 30 }).map((all) => all.join('')),
      ),
      (list) => {
        for (const mailbox of mailboxesOf(list)) expect(mailbox).toContain('@')
      },
    ),
    { numRuns: 2_000 },
  )
})

it.each(['(', '"', '<', '@', 'a ', 'a:', '\\', 'a@b.c,', '(\\', '<a@b>', '"a"', 'mailto:', 'a.@'])(
  'reads a megabyte of %j within the time of a test, which a second pass per character would exceed by hours',
  (piece) => {
    expect(mailboxesOf(piece.repeat(1_000_000 / piece.length)).length).toBeLessThanOrEqual(1)
  },
)
