import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { check, type Rule } from './check.ts'
import { type HistoryEvent, OUTCOMES, parseHistory } from './format.ts'

/** A good history with every outcome, a person with three updates, an uncertain send that was sent again, and a rate. */
const GOOD = `
{"f":"start","atMs":0,"producer":"test","exhaustedFromAttempt":97}
{"f":"limit","atMs":0,"budget":"account","requests":3,"windowMs":1000}
{"f":"publish","type":"invoke","atMs":1,"op":"e1","key":"e1","kind":"event","content":"e1","bytes":"h-e1","valid":true}
{"f":"publish","type":"ok","atMs":2,"op":"e1"}
{"f":"request","atMs":10,"budgets":["account"]}
{"f":"apply","type":"ok","atMs":10,"key":"e1","content":"e1","effect":true,"eventId":"01A"}
{"f":"request","atMs":300,"budgets":["account"]}
{"f":"apply","type":"ok","atMs":300,"key":"e1","content":"e1","effect":false,"eventId":"01A"}
{"f":"acknowledge","atMs":301,"op":"e1"}
{"f":"publish","type":"invoke","atMs":400,"op":"u1","key":"u1","kind":"update","content":"u1","bytes":"h-u1","valid":true,"person":"p","turn":1}
{"f":"publish","type":"ok","atMs":401,"op":"u1"}
{"f":"request","atMs":410,"budgets":["account"]}
{"f":"apply","type":"ok","atMs":410,"key":"u1","content":"u1","effect":true}
{"f":"acknowledge","atMs":411,"op":"u1"}
{"f":"publish","type":"invoke","atMs":500,"op":"u2","key":"u2","kind":"update","content":null,"bytes":"h-u2","valid":true,"person":"p","turn":2}
{"f":"publish","type":"ok","atMs":501,"op":"u2"}
{"f":"apply","type":"ok","atMs":1310,"key":"u2","content":null,"effect":true}
{"f":"acknowledge","atMs":1311,"op":"u2"}
{"f":"publish","type":"invoke","atMs":1400,"op":"u3","key":"u3","kind":"update","content":"u3","bytes":"h-u3","valid":true,"person":"p","turn":3}
{"f":"publish","type":"ok","atMs":1401,"op":"u3"}
{"f":"apply","type":"ok","atMs":1410,"key":"u3","content":"u3","effect":true}
{"f":"apply","type":"ok","atMs":1500,"key":"u3","content":"u3","effect":true}
{"f":"acknowledge","atMs":1511,"op":"u3"}
{"f":"publish","type":"invoke","atMs":1600,"op":"b1","key":"b1","kind":"event","content":"b1","bytes":"h-b1","valid":false}
{"f":"publish","type":"ok","atMs":1601,"op":"b1"}
{"f":"outcome","atMs":1605,"op":"b1","outcome":"refused","because":"invalid","attempt":1,"bytes":"h-b1"}
{"f":"outcome","atMs":1606,"op":"b1","outcome":"refused","because":"invalid","attempt":2,"bytes":"h-b1"}
{"f":"acknowledge","atMs":1606,"op":"b1"}
{"f":"publish","type":"invoke","atMs":1700,"op":"r1","key":"r1","kind":"event","content":"r1","bytes":"h-r1","valid":true}
{"f":"publish","type":"ok","atMs":1701,"op":"r1"}
{"f":"apply","type":"fail","atMs":1705,"key":"r1"}
{"f":"outcome","atMs":1706,"op":"r1","outcome":"refused","because":"refused","attempt":1,"bytes":"h-r1"}
{"f":"acknowledge","atMs":1707,"op":"r1"}
{"f":"publish","type":"invoke","atMs":1800,"op":"x1","key":"x1","kind":"event","content":"x1","bytes":"h-x1","valid":true}
{"f":"publish","type":"ok","atMs":1801,"op":"x1"}
{"f":"outcome","atMs":1900,"op":"x1","outcome":"exhausted","attempt":97,"bytes":"h-x1"}
{"f":"acknowledge","atMs":1901,"op":"x1"}
{"f":"publish","type":"invoke","atMs":2000,"op":"s1","key":"s","kind":"send","content":"s1","bytes":"h-s1","valid":true}
{"f":"publish","type":"ok","atMs":2001,"op":"s1"}
{"f":"apply","type":"ok","atMs":2010,"key":"s","content":"s1","effect":true}
{"f":"outcome","atMs":2100,"op":"s1","outcome":"uncertain","attempt":2,"bytes":"h-s1"}
{"f":"acknowledge","atMs":2101,"op":"s1"}
{"f":"settle","atMs":2200,"key":"s","decision":"resend"}
{"f":"apply","type":"ok","atMs":2300,"key":"s","content":"s1","effect":true}
{"f":"publish","type":"invoke","atMs":2400,"op":"k1","key":"k","kind":"send","content":"k1","bytes":"h-k1","valid":true}
{"f":"publish","type":"ok","atMs":2401,"op":"k1"}
{"f":"apply","type":"ok","atMs":2410,"key":"k","content":"k1","effect":true}
{"f":"acknowledge","atMs":2411,"op":"k1"}
{"f":"publish","type":"invoke","atMs":2420,"op":"k2","key":"k","kind":"send","content":"k1","bytes":"h-k1","valid":true}
{"f":"publish","type":"ok","atMs":2421,"op":"k2"}
{"f":"acknowledge","atMs":2431,"op":"k2"}
{"f":"publish","type":"invoke","atMs":2440,"op":"k3","key":"k","kind":"send","content":"other","bytes":"h-k3","valid":true}
{"f":"publish","type":"ok","atMs":2441,"op":"k3"}
{"f":"outcome","atMs":2450,"op":"k3","outcome":"refused","because":"key reused","attempt":1,"bytes":"h-k3"}
{"f":"acknowledge","atMs":2451,"op":"k3"}
{"f":"publish","type":"invoke","atMs":2460,"op":"t1","key":"t1","kind":"send","content":"t1","bytes":"h-t1","valid":true}
{"f":"publish","type":"ok","atMs":2461,"op":"t1"}
{"f":"outcome","atMs":2462,"op":"t1","outcome":"expired","attempt":1,"bytes":"h-t1"}
{"f":"acknowledge","atMs":2463,"op":"t1"}
{"f":"publish","type":"invoke","atMs":2470,"op":"c1","key":"c1","kind":"event","content":"c1","bytes":"h-c1","valid":true}
{"f":"publish","type":"ok","atMs":2471,"op":"c1"}
{"f":"outcome","atMs":2472,"op":"c1","outcome":"cancelled","attempt":1,"bytes":"h-c1"}
{"f":"acknowledge","atMs":2473,"op":"c1"}
{"f":"publish","type":"invoke","atMs":2480,"op":"g1","key":"g1","kind":"event","content":"g1","bytes":"h-g1","valid":true}
{"f":"publish","type":"ok","atMs":2481,"op":"g1"}
{"f":"outcome","atMs":2482,"op":"g1","outcome":"guarded","attempt":1,"bytes":"h-g1"}
{"f":"acknowledge","atMs":2483,"op":"g1"}
{"f":"publish","type":"invoke","atMs":2500,"op":"f1","key":"f1","kind":"event","content":"f1","bytes":"h-f1","valid":true}
{"f":"publish","type":"fail","atMs":2501,"op":"f1"}
{"f":"publish","type":"invoke","atMs":2600,"op":"i1","key":"i1","kind":"event","content":"i1","bytes":"h-i1","valid":true}
{"f":"publish","type":"info","atMs":2601,"op":"i1"}
{"f":"apply","type":"ok","atMs":2700,"key":"i1","content":"i1","effect":true}
{"f":"publish","type":"invoke","atMs":2800,"op":"n1","key":"n1","kind":"event","content":"n1","bytes":"h-n1","valid":true}
{"f":"note","atMs":2900,"text":"the second revision starts"}
{"f":"limit","atMs":3000,"budget":"account","requests":5,"windowMs":1000}
{"f":"request","atMs":3100,"budgets":["account"]}
{"f":"request","atMs":3200,"budgets":["account"]}
{"f":"request","atMs":3300,"budgets":["account"]}
{"f":"request","atMs":3400,"budgets":["account"]}
{"f":"limit","atMs":3500,"budget":"account","requests":3,"windowMs":1000}
{"f":"request","atMs":3500,"budgets":["account"]}
{"f":"request","atMs":4600,"budgets":["account"]}
{"f":"read","atMs":5000,"person":"p","content":"u3"}
{"f":"end","atMs":5001}
`
const good = parseHistory(GOOD)

type Match = Partial<Record<string, unknown>>
const matches = (event: HistoryEvent, match: Match) =>
  Object.entries(match).every(([name, value]) => Reflect.get(event, name) === value)

/** The history without the events that match, which must be there. */
function without(match: Match, history = good): HistoryEvent[] {
  const rest = history.filter((event) => !matches(event, match))
  if (rest.length === history.length) throw new Error(`nothing matches ${JSON.stringify(match)}`)
  return rest
}

/** The history with other fields in the events that match, or in the one of that number among them. */
function changed(match: Match, fields: Match, nth?: number): HistoryEvent[] {
  let seen = 0
  const events = good.map((event) =>
    matches(event, match) && (nth === undefined || nth === seen++) ? { ...event, ...fields } : event,
  )
  return events.map((event, index) => (event === good[index] ? event : parseOne(event)))
}
const parseOne = (event: object): HistoryEvent => {
  const [start, end] = [good[0], good.at(-1)]
  const [, parsed] = parseHistory([start, event, end].map((one) => JSON.stringify(one)).join('\n'))
  if (parsed === undefined) throw new Error('not an event')
  return parsed
}
const started = (fields: Match, history: readonly HistoryEvent[]): HistoryEvent[] =>
  history.map((event) => (event.f === 'start' ? { ...event, ...fields } : event))
const plus = (...events: object[]): HistoryEvent[] => [...good, ...events.map(parseOne)]

const applyOk = (key: string, atMs: number, more: Match = {}) => ({
  f: 'apply',
  type: 'ok',
  atMs,
  key,
  content: key,
  effect: true,
  ...more,
})

describe('a good history', () => {
  it('may have an effect of an event before it was cancelled, by an attempt whose answer was lost', () => {
    expect(check(plus(applyOk('c1', 2_471.5))).violations).toEqual([])
  })

  it('may have one after that of a request that was still on its way, as long as the producer says, and no send', () => {
    const slow = { longestRequestMs: 100 }
    const violations = (history: readonly HistoryEvent[]) => check(history).violations
    expect(violations(started(slow, plus(applyOk('c1', 2_572))))).toEqual([])
    expect(violations(started(slow, plus(applyOk('c1', 2_573))))).toMatchObject([{ rule: 'not sent', subject: 'c1' }])
    expect(violations(started(slow, plus(applyOk('t1', 2_461.5))))).toMatchObject([{ rule: 'not sent', subject: 't1' }])
  })

  it('may have a second outcome for a message that was delivered again, with the evidence of each', () => {
    const again = [{ f: 'redelivery', atMs: 1_706, op: 'r1' }]
    const second = letter('r1', { outcome: 'exhausted', attempt: 97 })
    expect(check(plus(...again, second)).violations).toEqual([])
    const texts = check(plus(...again, { ...second, bytes: 'cut' })).violations.map(({ text }) => text)
    expect(texts).toEqual(['its dead letter has other bytes'])
  })

  it('may acknowledge a message by its delivery, and have a dead letter of a redelivery after that', () => {
    const late = { ...letter('e1', { outcome: 'exhausted', attempt: 97 }), atMs: 310 }
    expect(check(plus({ f: 'redelivery', atMs: 302, op: 'e1' }, late)).violations).toEqual([])
    expect(check(plus(late)).violations).toMatchObject([{ rule: 'no loss', subject: 'e1' }])
    const undelivered = without({ f: 'apply', key: 'e1' }, plus({ f: 'redelivery', atMs: 302, op: 'e1' }, late))
    expect(check(undelivered).violations).toMatchObject([{ rule: 'no loss', subject: 'e1' }])
  })

  it.each(['x1', 'c1', 'g1'])('may end a message to a stranger in any way in which nobody hears of it: %s', (op) => {
    expect(check(changed({ f: 'publish', op, type: 'invoke' }, { stranger: true })).violations).toEqual([])
  })

  it('is accepted, and tells how each acknowledged publish ended', () => {
    const { violations, outcomes, worstWindows } = check(good)
    expect(violations).toEqual([])
    expect(Object.fromEntries(outcomes)).toMatchObject({
      e1: 'delivered',
      b1: 'refused',
      x1: 'exhausted',
      s1: 'uncertain',
    })
    expect(new Set(outcomes.values())).toEqual(new Set(Object.keys(OUTCOMES)))
    expect(worstWindows).toMatchObject([
      { budget: 'account', requests: 3, allowed: 3, endsAtMs: 410 },
      { budget: 'account', requests: 5, allowed: 5, endsAtMs: 3_500 },
    ])
  })

  it('is accepted whatever the order of its lines', () => {
    expect(check(good.toReversed()).violations).toEqual([])
  })

  it('is the example in the README', () => {
    const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')
    const [, example = ''] = /```jsonl\n(.*?)```/s.exec(readme) ?? []
    expect(check(parseHistory(example)).violations).toEqual([])
  })

  it('may waive a duplicate, and counts it', () => {
    const history = plus(applyOk('k', 2_460, { content: 'k1' }), {
      f: 'waive',
      atMs: 2_455,
      key: 'k',
      why: 'its process stood still beyond the margin',
    })
    expect(check(history)).toMatchObject({ violations: [], surplus: new Map([['k', { count: 1, waived: true }]]) })
  })
})

const settle = (key: string, atMs: number) => ({ f: 'settle', atMs, key, decision: 'resend' })
const letter = (op: string, more: Match) => ({
  f: 'outcome',
  op,
  atMs: 290,
  attempt: 1,
  bytes: `h-${op}`,
  ...more,
})

const BAD: readonly (readonly [Rule, string, readonly HistoryEvent[], string])[] = [
  ['at most once', 'a send is there twice', plus(applyOk('k', 2_460, { content: 'k1' })), '2 times'],
  ['at most once', 'one key, two contents', plus(applyOk('k', 2_460, { content: 'other' })), '2 times'],
  [
    'at most once',
    'an event takes effect twice',
    changed({ key: 'e1', effect: false }, { effect: true, eventId: '01B' }),
    '2 times',
  ],
  [
    'at most once',
    'an event id has effect under two keys',
    changed({ key: 'i1', f: 'apply' }, { eventId: '01A' }),
    '01A',
  ],
  ['at most once', 'sent again before the operator decided', changed({ f: 'settle' }, { atMs: 2_350 }), '2 times'],
  ['at most once', 'sent again without a decision', without({ f: 'settle' }), '2 times'],
  ['at most once', 'sent twice after one decision', plus(applyOk('s', 2_350, { content: 's1' })), '3 times'],
  [
    'at most once',
    'the operator found it sent, and it is sent again',
    changed({ f: 'settle' }, { decision: 'sent' }),
    '2 times',
  ],
  ['at most once', 'a decision about what was not uncertain', plus(settle('e1', 310)), 'without being uncertain'],
  ['at most once', 'an effect of nothing that was published', plus(applyOk('ghost', 320)), 'nobody published'],
  ['at most once', 'an effect of a publish that failed', plus(applyOk('f1', 2_550)), 'failed'],
  ['no loss', 'never acknowledged', without({ f: 'acknowledge', op: 'e1' }), 'never acknowledged'],
  ['no loss', 'acknowledged and nowhere', without({ f: 'apply', key: 'u1' }), 'neither at Customer.io'],
  [
    'no loss',
    'acknowledged before Customer.io had it',
    changed({ f: 'acknowledge', op: 'u1' }, { atMs: 405 }),
    'before Customer.io',
  ],
  [
    'no loss',
    'acknowledged before the dead letter was safe',
    changed({ f: 'outcome', op: 'r1' }, { atMs: 1_710 }),
    'before its dead letter',
  ],
  [
    'no loss',
    'Customer.io has other content',
    changed({ f: 'apply', key: 'u1' }, { content: 'x' }),
    'neither at Customer.io',
  ],
  [
    'not sent',
    'an event to a stranger that was delivered',
    changed({ f: 'publish', op: 'e1', type: 'invoke' }, { stranger: true }),
    'goes to a stranger, and ended delivered',
  ],
  [
    'not sent',
    'an update to a stranger that only a request names',
    plus(
      {
        f: 'publish',
        type: 'invoke',
        atMs: 3_600,
        op: 'z',
        key: 'z',
        kind: 'update',
        content: 'z',
        bytes: 'z',
        valid: true,
        stranger: true,
      },
      { f: 'apply', type: 'fail', atMs: 3_700, key: 'z' },
    ),
    'Customer.io has heard of it',
  ],
  [
    'not sent',
    'an effect after the message expired',
    changed({ f: 'publish', op: 'e1', type: 'invoke' }, { expiresAtMs: 9 }),
    'took effect 1 ms after it expired',
  ],
  ['not sent', 'an effect of an expired send', plus(applyOk('t1', 2_461)), 'expired, yet Customer.io has heard of it'],
  [
    'not sent',
    'an effect of a guarded message',
    plus(applyOk('g1', 2_490)),
    'guarded, yet Customer.io has heard of it',
  ],
  [
    'not sent',
    'a refusal of a cancelled one, after it was',
    plus({ f: 'apply', type: 'fail', atMs: 2_475, key: 'c1' }),
    'yet Customer.io has heard',
  ],
  ['no loss', 'two outcomes', plus(letter('r1', { outcome: 'exhausted', attempt: 97 })), 'several outcomes'],
  ['no loss', 'a dead letter with other bytes', changed({ f: 'outcome', op: 'r1' }, { bytes: 'cut' }), 'other bytes'],
  [
    'no loss',
    'a dead letter without its bytes',
    changed({ f: 'outcome', op: 'x1' }, { bytes: undefined }),
    'other bytes',
  ],
  ['no loss', 'refused, but Customer.io never did', without({ f: 'apply', type: 'fail' }), 'never refused'],
  [
    'no loss',
    'refused in place of its neighbour',
    changed({ f: 'apply', type: 'fail' }, { key: 'e1' }),
    'never refused',
  ],
  [
    'no loss',
    'refused without a cause',
    changed({ f: 'outcome', op: 'r1' }, { because: undefined }),
    'without a cause',
  ],
  [
    'no loss',
    'refused as invalid, though valid',
    changed({ f: 'outcome', op: 'r1' }, { because: 'invalid' }),
    'but it is valid',
  ],
  [
    'no loss',
    'refused for other content that nobody sent',
    changed({ f: 'outcome', op: 'r1' }, { because: 'key reused' }),
    'only one content',
  ],
  ['no loss', 'refused as invalid after it was delivered', plus(applyOk('b1', 1_604)), 'yet Customer.io has it'],
  ['no loss', 'invalid and not refused', without({ f: 'outcome', op: 'b1' }), 'invalid, yet not refused'],
  ['no loss', 'exhausted too early', changed({ f: 'outcome', op: 'x1' }, { attempt: 3 }), 'exhausted at attempt 3'],
  [
    'no loss',
    'uncertain, though repeating is harmless',
    changed({ f: 'outcome', op: 'x1' }, { outcome: 'uncertain' }),
    'ended uncertain',
  ],
  ['no loss', 'a dead letter of something delivered', plus(letter('e1', { outcome: 'delivered' })), 'says delivered'],
  [
    'order',
    'an older update takes effect last',
    changed({ op: 'u2', type: 'invoke' }, { turn: 4 }),
    'update 3 took effect after update 4',
  ],
  ['order', 'a repeated update undoes the one after it', plus(applyOk('u1', 1_550)), 'update 1 took effect after'],
  ['order', 'the person shows an older update', changed({ f: 'read' }, { content: 'u1' }), 'shows u1'],
  [
    'order',
    'the person is still there after a deletion',
    changed({ f: 'publish', op: 'u3', type: 'invoke' }, { turn: 1, person: 'q' }),
    'shows u3',
  ],
  ['order', 'nobody looked at the person', without({ f: 'read' }), 'nobody read'],
  [
    'rate',
    'one request too many in a window',
    plus({ f: 'request', atMs: 1_005, budgets: ['account'] }),
    '4 requests in the 1000 ms',
  ],
  ['rate', 'no limit was raised for two revisions', without({ f: 'limit', atMs: 3_000 }), '5 requests'],
  ['history', 'an op is invoked twice', plus({ ...good[2] }), 'invoked twice'],
  [
    'history',
    'a turn without a person',
    changed({ op: 'e1', type: 'invoke' }, { turn: 1 }),
    'person and turn go together',
  ],
  [
    'no crash',
    'a process ended by itself',
    plus({ f: 'crash', atMs: 700, process: 'track 1', why: 'out of memory' }),
    'out of memory',
  ],
  ['history', 'an op is published twice', plus({ f: 'publish', type: 'ok', atMs: 3, op: 'e1' }), 'completed twice'],
  [
    'history',
    'a completion without a beginning',
    plus({ f: 'publish', type: 'ok', atMs: 3, op: 'z' }),
    'never invoked',
  ],
  [
    'history',
    'a completion before its beginning',
    changed({ f: 'publish', type: 'fail' }, { atMs: 2_000 }),
    'before it was invoked',
  ],
  ['history', 'an outcome of nothing', plus({ f: 'acknowledge', atMs: 3, op: 'z' }), 'never invoked'],
  ['history', 'one key for two kinds', changed({ op: 'k3', type: 'invoke' }, { kind: 'event' }), 'several kinds'],
  ['history', 'two updates with one turn', changed({ op: 'u2', type: 'invoke' }, { turn: 1 }), 'turn is taken'],
  ['history', 'requests that no limit covers', changed({ f: 'request', atMs: 10 }, { budgets: ['other'] }), 'no limit'],
]

it.each(BAD)('rejects for %s: %s', (rule, _what, history, text) => {
  const { violations } = check(history)
  expect(violations).toContainEqual({ rule, subject: expect.any(String), text: expect.stringContaining(text) })
  expect(new Set(violations.map((violation) => violation.rule))).toEqual(new Set([rule]))
})

describe('a file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'history-'))
  afterAll(() => rmSync(directory, { recursive: true }))
  const run = (text: string) => {
    const file = join(directory, 'history.jsonl')
    writeFileSync(file, text)
    return spawnSync(process.execPath, [join(import.meta.dirname, 'check.ts'), file], { encoding: 'utf8' })
  }

  it('is checked by the command alone, which ends with 0 or 1', () => {
    expect(run(GOOD)).toMatchObject({ status: 0, stdout: expect.stringMatching(/accepted\n$/) })
    const bad = GOOD.split('\n').filter((line) => !line.includes('"acknowledge","atMs":301'))
    expect(run(bad.join('\n'))).toMatchObject({ status: 1, stdout: expect.stringContaining('! no loss: e1') })
  })

  it.each([
    ['is cut off', GOOD.replace(/\n[^\n]*"end"[^\n]*\n/, '\n'), /the last line is not `end`/],
    ['has no beginning', GOOD.replace(/[^\n]*"start"[^\n]*\n/, ''), /line 1: a history begins with `start`/],
    ['has an unknown outcome', GOOD.replace('"exhausted"', '"forgotten"'), /line 37: .*must be one of delivered/s],
    ['has an unknown field', GOOD.replace('"person":"p","turn":1', '"person":"p","turn":1,"x":1'), /line 11: /],
    ['is not JSON', GOOD.replace('{"f":"note"', '{"f":note'), /line 75: not JSON/],
  ])('that %s is refused with the line', (_what, text, message) => {
    expect(() => parseHistory(text)).toThrow(message)
  })
})
