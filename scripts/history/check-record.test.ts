import { check, describeVerdict } from './check.ts'
import { type HistoryEvent, parseHistory } from './format.ts'

/**
 * A history whose record is right. `e`: an event that failed once. `b`: refused. `s`: a send. `m`: it went on in the bulk
 * lane. `k`: its row was cut off by a kill. `u`: sent back unread once. `n`: answered to nobody first.
 * `o`: other content under the key of `s`.
 */
const GOOD = `
{"f":"start","atMs":0,"producer":"test"}
{"f":"publish","type":"invoke","atMs":1,"op":"e","key":"e","kind":"event","content":"e","bytes":"h-e","valid":true}
{"f":"publish","type":"ok","atMs":2,"op":"e"}
{"f":"record","atMs":9,"op":"e","delivery":"e#1","outcome":"retry"}
{"f":"push","atMs":10,"op":"e","delivery":"e#1","process":"1","answer":"again"}
{"f":"apply","type":"ok","atMs":20,"key":"e","content":"e","effect":true}
{"f":"record","atMs":21,"op":"e","delivery":"e#2","outcome":"delivered"}
{"f":"push","atMs":22,"op":"e","delivery":"e#2","process":"1","answer":"done"}
{"f":"acknowledge","atMs":22,"op":"e"}
{"f":"publish","type":"invoke","atMs":100,"op":"b","key":"b","kind":"event","content":"b","bytes":"h-b","valid":false}
{"f":"publish","type":"ok","atMs":101,"op":"b"}
{"f":"outcome","atMs":110,"op":"b","outcome":"refused","because":"invalid","attempt":1,"bytes":"h-b"}
{"f":"record","atMs":111,"op":"b","delivery":"b#1","outcome":"refused"}
{"f":"push","atMs":112,"op":"b","delivery":"b#1","process":"1","answer":"done"}
{"f":"acknowledge","atMs":112,"op":"b"}
{"f":"publish","type":"invoke","atMs":200,"op":"s","key":"s","kind":"send","content":"s","bytes":"h-s","valid":true}
{"f":"publish","type":"ok","atMs":201,"op":"s"}
{"f":"apply","type":"ok","atMs":210,"key":"s","content":"s","effect":true,"deliveryId":"d-s"}
{"f":"record","atMs":211,"op":"s","delivery":"s#1","outcome":"delivered","deliveryId":"d-s"}
{"f":"push","atMs":212,"op":"s","delivery":"s#1","process":"2","answer":"done"}
{"f":"acknowledge","atMs":212,"op":"s"}
{"f":"publish","type":"invoke","atMs":300,"op":"m","key":"m","kind":"update","content":"m","bytes":"h-m","valid":true}
{"f":"publish","type":"ok","atMs":301,"op":"m"}
{"f":"untried","atMs":310,"op":"m","delivery":"m#1"}
{"f":"push","atMs":311,"op":"m","delivery":"m#1","process":"1","answer":"again"}
{"f":"apply","type":"ok","atMs":320,"key":"m","content":"m","effect":true}
{"f":"record","atMs":321,"op":"m","delivery":"copy#1","outcome":"delivered"}
{"f":"push","atMs":322,"op":"m","delivery":"copy#1","process":"1","answer":"done"}
{"f":"acknowledge","atMs":322,"op":"m"}
{"f":"publish","type":"invoke","atMs":400,"op":"k","key":"k","kind":"event","content":"k","bytes":"h-k","valid":true}
{"f":"publish","type":"ok","atMs":401,"op":"k"}
{"f":"apply","type":"ok","atMs":410,"key":"k","content":"k","effect":true}
{"f":"push","atMs":411,"op":"k","delivery":"k#1","process":"3","answer":"done"}
{"f":"acknowledge","atMs":411,"op":"k"}
{"f":"kill","atMs":412,"process":"3"}
{"f":"publish","type":"invoke","atMs":500,"op":"u","key":"u","kind":"event","content":"u","bytes":"h-u","valid":true}
{"f":"publish","type":"ok","atMs":501,"op":"u"}
{"f":"unread","atMs":510}
{"f":"push","atMs":511,"op":"u","delivery":"u#1","process":"1","answer":"again"}
{"f":"apply","type":"ok","atMs":520,"key":"u","content":"u","effect":true}
{"f":"record","atMs":521,"op":"u","delivery":"u#2","outcome":"delivered"}
{"f":"push","atMs":522,"op":"u","delivery":"u#2","process":"1","answer":"done"}
{"f":"acknowledge","atMs":522,"op":"u"}
{"f":"publish","type":"invoke","atMs":600,"op":"n","key":"n","kind":"event","content":"n","bytes":"h-n","valid":true}
{"f":"publish","type":"ok","atMs":601,"op":"n"}
{"f":"apply","type":"ok","atMs":610,"key":"n","content":"n","effect":true}
{"f":"push","atMs":611,"op":"n","delivery":"n#1","process":"1","answer":"none"}
{"f":"record","atMs":612,"op":"n","delivery":"n#1","outcome":"delivered"}
{"f":"record","atMs":621,"op":"n","delivery":"n#2","outcome":"delivered"}
{"f":"push","atMs":622,"op":"n","delivery":"n#2","process":"1","answer":"done"}
{"f":"acknowledge","atMs":622,"op":"n"}
{"f":"publish","type":"invoke","atMs":700,"op":"o","key":"s","kind":"send","content":"other","bytes":"h-o","valid":true}
{"f":"publish","type":"ok","atMs":701,"op":"o"}
{"f":"outcome","atMs":710,"op":"o","outcome":"refused","because":"key reused","attempt":1,"bytes":"h-o"}
{"f":"record","atMs":711,"op":"o","delivery":"o#1","outcome":"refused"}
{"f":"push","atMs":712,"op":"o","delivery":"o#1","process":"1","answer":"done"}
{"f":"acknowledge","atMs":712,"op":"o"}
{"f":"end","atMs":5001}
`
const good = parseHistory(GOOD)

type Fields = Readonly<Record<string, unknown>>
const matches = (event: object, match: Fields) =>
  Object.entries(match).every(([name, value]) => Reflect.get(event, name) === value)

/** The history with the events that match changed, or left out. */
function changed(match: Fields, fields: Fields | undefined): HistoryEvent[] {
  if (!good.some((event) => matches(event, match))) throw new Error(`nothing matches ${JSON.stringify(match)}`)
  const events = good.flatMap((event): object[] => {
    if (!matches(event, match)) return [event]
    return fields === undefined ? [] : [{ ...event, ...fields }]
  })
  return parseHistory(events.map((event) => JSON.stringify(event)).join('\n'))
}
const without = (match: Fields) => changed(match, undefined)
const plus = (event: object): HistoryEvent[] =>
  parseHistory([good[0], event, ...good.slice(1)].map((one) => JSON.stringify(one)).join('\n'))

it('accepts a record that says what was seen, and counts the row that a kill cut off', () => {
  const verdict = check(good)
  expect(verdict).toMatchObject({ violations: [], record: { rows: 9, missing: 1, unexplained: 0, kills: 1 } })
  expect(describeVerdict(verdict)).toContain(
    'record: 9 rows agree, 1 missing, all of them in a killed process; processes killed: 1',
  )
})

it('says nothing about the record of a history without pushes', () => {
  expect(check(good.filter(({ f }) => f !== 'push' && f !== 'record' && f !== 'untried')).record).toBeUndefined()
})

const BAD: readonly (readonly [string, readonly HistoryEvent[], string])[] = [
  ['a row is missing', without({ f: 'record', delivery: 's#1' }), 'answered "done", and no row says so'],
  ['the row of a copy is missing', without({ f: 'record', delivery: 'copy#1' }), 'no row says so'],
  ['a row is missing long before the kill', changed({ f: 'kill' }, { atMs: 1_412 }), 'no row says so'],
  ['a row is missing, and another process was killed', changed({ f: 'kill' }, { process: '1' }), 'no row says so'],
  ['the row of a failed attempt is missing', without({ f: 'record', outcome: 'retry' }), 'failed, and no row says so'],
  ['the line of an untried attempt is missing', without({ f: 'untried' }), 'failed, and no row says so'],
  ['fewer were sent back unread than lack a row', without({ f: 'unread' }), 'failed, and no row says so'],
  [
    'neither push nor row was seen of what is acknowledged',
    changed({ op: 's', delivery: 's#1' }, { op: 'e', delivery: 'e#3' }),
    'acknowledged, and no row says how it ended',
  ],
  [
    'a row tells of an attempt that nobody made',
    plus({ f: 'record', atMs: 23, op: 'e', delivery: 'e#3', outcome: 'delivered' }),
    'e#3: 1 rows of an end and 0 of a failure',
  ],
  ['one push has two rows', plus({ f: 'record', atMs: 23, op: 'e', delivery: 'e#2', outcome: 'delivered' }), '2 rows'],
  [
    'a failed attempt has two rows',
    plus({ f: 'record', atMs: 9, op: 'e', delivery: 'e#1', outcome: 'retry' }),
    '2 of a failure',
  ],
  [
    'a row of an end for a push that failed',
    changed({ f: 'record', delivery: 'e#1' }, { outcome: 'delivered', atMs: 21 }),
    'e#1: 1 rows of an end',
  ],
  [
    'a row of a failure for a push that ended',
    changed({ f: 'record', delivery: 's#1' }, { outcome: 'retry', deliveryId: undefined }),
    's#1: 0 rows of an end and 1 of a failure',
  ],
  [
    'an unanswered push has two rows',
    plus({ f: 'record', atMs: 613, op: 'n', delivery: 'n#1', outcome: 'retry' }),
    'n#1: 1 rows of an end and 1 of a failure',
  ],
  [
    'a row says delivered of what is not',
    changed({ f: 'record', op: 'b' }, { outcome: 'delivered' }),
    'says delivered, and nothing else does',
  ],
  [
    'a row says refused of what is delivered',
    changed({ f: 'record', op: 'n' }, { outcome: 'refused' }),
    'says refused, and nothing else does',
  ],
  [
    'a row has another outcome',
    changed({ f: 'record', op: 'b' }, { outcome: 'exhausted' }),
    'says exhausted, and nothing else does',
  ],
  [
    'a row says delivered of other content under the key of what is',
    changed({ f: 'record', op: 'o' }, { outcome: 'delivered', deliveryId: 'd-s' }),
    'says delivered, and nothing else does',
  ],
  ['a row was written too early', changed({ f: 'record', op: 's' }, { atMs: 209 }), 'before it was so'],
  ['a row names another message', changed({ f: 'record', delivery: 'n#2' }, { op: 'e' }), 'is told of e too'],
  [
    'a send has no delivery id',
    changed({ f: 'record', op: 's' }, { deliveryId: undefined }),
    'without its delivery id',
  ],
  ['a send has the id of another', changed({ f: 'record', op: 's' }, { deliveryId: 'd-x' }), 'none of this send'],
]

it.each(BAD)('rejects when %s', (_what, history, text) => {
  const { violations } = check(history)
  expect(violations).toContainEqual({
    rule: 'record',
    subject: expect.any(String),
    text: expect.stringContaining(text),
  })
  expect(violations.filter(({ rule }) => rule !== 'record')).toEqual([])
})

it('rejects a row of a message that nobody published', () => {
  const { violations } = check(plus({ f: 'record', atMs: 23, op: 'z', delivery: 'z#1', outcome: 'delivered' }))
  expect(violations).toContainEqual({ rule: 'history', subject: 'z', text: 'record of an op that was never invoked' })
})
