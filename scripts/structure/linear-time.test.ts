import { join } from 'node:path'
import { mailboxOf, phoneOf } from '../../shared/identity/index.ts'
import { whatIs } from '../cio/dead-letters/body.ts'
import { type DeadLetter, factsOf } from '../cio/dead-letters/dead-letter.ts'
import { relationOf, soughtAs } from '../cio/dead-letters/whose.ts'
import { wordsOf } from '../cio/errors.ts'
import { table } from '../cio/output.ts'
import { check, splitMessages } from '../cio/publish/messages.ts'
import { attacksOn, type Expression, expressionsIn } from './expressions.ts'
import { readSources } from './imports.ts'

const ROOT = join(import.meta.dirname, '../..')

/** What runs where foreign text arrives: the functions, what they share, and the command line. */
const WHERE = /^(?:functions|shared|scripts\/cio)\/.*(?<!\.test)\.ts$/
const TESTING = /\/(?:testing|prove)\//

const SHORT = 1_000
const TIMES = 16
const LONG = TIMES * SHORT
/**
 * Below this, a text of that length met nothing that looks at every pair of its characters: 16,000 characters make 128
 * million pairs, 96,000 make 4,608 million. What is above is measured at both lengths.
 */
const FAST_MS = 20
const FAST_READER_MS = 250
/** Sixteen times the text takes about sixteen times as long, and 256 times where every start looks at all that follows. */
const LINEAR_RATIO = 4 * TIMES

function sourceExpressions(): readonly Expression[] {
  const all: Expression[] = []
  for (const [file, text] of readSources(ROOT)) {
    if (WHERE.test(file) && !TESTING.test(file)) all.push(...expressionsIn(file, text).found)
  }
  return all
}

/** The least time of this thread in a few tries: what else the machine does is not in it. */
function msOf(work: () => void, tries: number): number {
  const times = Array.from({ length: tries }, () => {
    const started = process.threadCpuUsage()
    work()
    const { user, system } = process.threadCpuUsage(started)
    return (user + system) / 1_000
  })
  return Math.min(...times)
}

/** Undefined when it is fast, or grows with the text. */
function growth(expression: Pick<Expression, 'pattern' | 'flags'>): string | undefined {
  const compiled = new RegExp(expression.pattern, expression.flags.replaceAll(/[gy]/g, ''))
  // Short ones first: what is exponential would never come back from a long one.
  for (const length of [22, 200, 1_000]) {
    for (const attack of attacksOn(expression, length)) {
      const ms = msOf(() => void compiled.exec(attack), 1)
      if (ms > 30 && msOf(() => void compiled.exec(attack), 3) > 30) return `${length} characters: ${ms} ms`
    }
  }
  const short = attacksOn(expression, SHORT)
  for (const [index, attack] of attacksOn(expression, LONG).entries()) {
    if (msOf(() => void compiled.exec(attack), 1) < FAST_MS) continue
    const longMs = msOf(() => void compiled.exec(attack), 3)
    if (longMs < FAST_MS) continue
    const ratio = longMs / msOf(() => void compiled.exec(short[index] ?? ''), 3)
    if (ratio > LINEAR_RATIO)
      return `${JSON.stringify(attack.slice(0, 8))}: ${ratio.toFixed(1)} times as long for ${TIMES} times the text`
  }
  return undefined
}

it('the measure tells what is linear from what is not', () => {
  // As `\\s+$` does, which takes three times as long to say so.
  expect(growth({ pattern: '<([^>]*)>', flags: 'u' })).toContain('times as long')
  expect(growth({ pattern: '(?:a+)+$', flags: '' })).toContain('characters')
  expect(growth({ pattern: '^[a-z]+$', flags: '' })).toBeUndefined()
})

it('every regular expression takes time in proportion to the text', () => {
  const expressions = sourceExpressions()
  expect(expressions.length).toBeGreaterThan(30)
  const slow = expressions.flatMap((expression) => {
    const how = growth(expression)
    return how === undefined ? [] : [`${expression.file}: /${expression.pattern}/${expression.flags}: ${how}`]
  })
  expect(slow).toEqual([])
})

/** A message that names a hostile address, in the topic where that goes through most hands. */
const send = (to: string) =>
  Buffer.from(JSON.stringify({ channel: 'email', transactional_message_id: 1, identifiers: { id: 'ada' }, to }))
const letter = (data: Buffer, attributes: Record<string, string> = {}): DeadLetter => ({
  source: {
    name: 'transactional',
    topic: 'transactional',
    deployedTopic: 'transactional',
    deadLetterSubscription: 't',
    ackDeadlineMs: 60_000,
  },
  id: '1',
  messageId: '1',
  ackId: 'ack',
  data,
  attributes,
  orderingKey: '',
  deadLetteredAtMs: 0,
})
const nobody = soughtAs('nobody@example.com')
const event = (data: object) => ({ event_id: 'e', object_type: 'email', metric: 'sent', timestamp: 1, data })

/** What reads foreign text besides regular expressions, and what a text of this many characters goes through there. */
const READERS: readonly (readonly [string, (text: string) => unknown])[] = [
  ['the contract', (text) => check('transactional', send(text), () => 0)],
  ['the contract, of a key', (text) => check('track', Buffer.from(JSON.stringify({ [text]: 1 })), () => 0)],
  ['a mailbox', (text) => mailboxOf(text)],
  ['a phone number', (text) => phoneOf(text)],
  ['the persons of a message', (text) => relationOf('transactional', send(text), nobody)],
  ['the persons of a broken body', (text) => relationOf('transactional', Buffer.from(`{"to":"${text}`), nobody)],
  [
    'the persons of a webhook',
    (text) => relationOf('webhook-events', Buffer.from(JSON.stringify(event({ recipient: text }))), nobody),
  ],
  [
    'the attributes of a dead letter',
    (text) => factsOf(letter(Buffer.from('{}'), { truncated: text, replay_count: text })),
  ],
  ['what a message is', (text) => whatIs(Buffer.from(text))],
  ['an input of many lines', (text) => splitMessages(text.replaceAll('a', '{\n'))],
  ['a cell of a table', (text) => table(['x'], [[text]])],
  ['the error of a client', (text) => wordsOf(new Error(text))],
]

/** What begins and never ends. */
/** A reader is measured with more text than an expression: up to 96,000 characters. */
const READ_TIMES = 6
const PIECES = ['<', '@<', '"', '\\"', '(', ',', ' ', '[', '{"a":', 'a@b,', '\n', '\u0000', 'é', 'a']

it.each(READERS)('%s takes time in proportion to the text', (_, read) => {
  const slow = PIECES.flatMap((piece) => {
    const text = (length: number) => `@${piece.repeat(length / piece.length)}`
    const work = (length: number) => () => void read(text(length))
    // Small ones first: what hangs fails, and what follows is compiled.
    if (msOf(work(LONG), 1) > 5_000) return [`${JSON.stringify(piece)}: more than 5 s for ${LONG} characters`]
    const longMs = msOf(work(READ_TIMES * TIMES * SHORT), 3)
    if (longMs < FAST_READER_MS) return []
    const ratio = longMs / msOf(work(READ_TIMES * SHORT), 5)
    return ratio > LINEAR_RATIO
      ? [`${JSON.stringify(piece)}: ${ratio.toFixed(1)} times as long for ${TIMES} times the text`]
      : []
  })
  expect(slow).toEqual([])
})
