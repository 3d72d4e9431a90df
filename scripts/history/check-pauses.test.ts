import { check, describeVerdict } from './check.ts'
import { type HistoryEvent, parseHistory } from './format.ts'

/**
 * A history with a good pause of `bulk`. `a`: under way when it began. `w`: waited, and had failed once before. `l`: its process
 * stood still, lost its push and was killed. `o`: went through another subscription. `b`: published twice, once through each.
 */
const GOOD = `
{"f":"start","atMs":0,"producer":"test"}
{"f":"limit","atMs":0,"budget":"account","requests":100,"windowMs":1000}
${['a', 'w', 'l', 'o', 'b'].map((op) => `{"f":"publish","type":"invoke","atMs":1,"op":"${op}","key":"${op}","kind":"update","content":"${op}","bytes":"h","valid":true}\n{"f":"publish","type":"ok","atMs":2,"op":"${op}"}`).join('\n')}
{"f":"attempt","atMs":900,"op":"w","delivery":"w#1","subscription":"bulk","number":1}
{"f":"record","atMs":940,"op":"w","delivery":"w#1","outcome":"retry"}
{"f":"push","atMs":940,"op":"w","delivery":"w#1","process":"1","answer":"again"}
{"f":"attempt","atMs":950,"op":"b","delivery":"b#1","subscription":"urgent","number":1}
{"f":"attempt","atMs":960,"op":"b","delivery":"c#1","subscription":"bulk","number":1}
{"f":"record","atMs":970,"op":"b","delivery":"c#1","outcome":"retry"}
{"f":"push","atMs":970,"op":"b","delivery":"c#1","process":"1","answer":"again"}
{"f":"attempt","atMs":980,"op":"l","delivery":"l#1","subscription":"bulk","number":1}
{"f":"push","atMs":990,"op":"l","delivery":"l#1","process":"2","answer":"none"}
{"f":"attempt","atMs":1000,"op":"a","delivery":"a#1","subscription":"bulk","number":1}
{"f":"pause","atMs":1000,"subscription":"bulk"}
{"f":"request","atMs":1500,"budgets":["account"],"keys":["l"]}
{"f":"kill","atMs":1600,"process":"2"}
{"f":"request","atMs":1900,"budgets":["account"],"keys":["a"]}
{"f":"apply","type":"ok","atMs":1900,"key":"a","content":"a","effect":true}
{"f":"record","atMs":2000,"op":"a","delivery":"a#1","outcome":"delivered"}
{"f":"push","atMs":2001,"op":"a","delivery":"a#1","process":"1","answer":"done"}
{"f":"acknowledge","atMs":2002,"op":"a"}
{"f":"attempt","atMs":4000,"op":"o","delivery":"o#1","subscription":"urgent","number":1}
{"f":"request","atMs":4010,"budgets":["account"],"keys":["o","b"]}
{"f":"apply","type":"ok","atMs":4010,"key":"o","content":"o","effect":true}
{"f":"apply","type":"ok","atMs":4010,"key":"b","content":"b","effect":true}
{"f":"record","atMs":4020,"op":"o","delivery":"o#1","outcome":"delivered"}
{"f":"push","atMs":4021,"op":"o","delivery":"o#1","process":"1","answer":"done"}
{"f":"acknowledge","atMs":4022,"op":"o"}
{"f":"record","atMs":4020,"op":"b","delivery":"b#1","outcome":"delivered"}
{"f":"push","atMs":4021,"op":"b","delivery":"b#1","process":"1","answer":"done"}
{"f":"acknowledge","atMs":4022,"op":"b"}
{"f":"resume","atMs":6000,"subscription":"bulk"}
{"f":"attempt","atMs":6000,"op":"w","delivery":"w#2","subscription":"bulk","number":2}
{"f":"attempt","atMs":6001,"op":"l","delivery":"l#1","subscription":"bulk","number":1}
{"f":"request","atMs":6100,"budgets":["account"],"keys":["w","l"]}
{"f":"apply","type":"ok","atMs":6100,"key":"w","content":"w","effect":true}
{"f":"apply","type":"ok","atMs":6100,"key":"l","content":"l","effect":true}
{"f":"record","atMs":6110,"op":"w","delivery":"w#2","outcome":"delivered"}
{"f":"push","atMs":6111,"op":"w","delivery":"w#2","process":"1","answer":"done"}
{"f":"acknowledge","atMs":6112,"op":"w"}
{"f":"record","atMs":6110,"op":"l","delivery":"l#1","outcome":"delivered"}
{"f":"push","atMs":6111,"op":"l","delivery":"l#1","process":"1","answer":"done"}
{"f":"acknowledge","atMs":6500,"op":"l"}
{"f":"end","atMs":7000}
`
const good = parseHistory(GOOD)
const plus = (...lines: object[]): HistoryEvent[] =>
  parseHistory([good[0], ...lines, ...good.slice(1)].map((line) => JSON.stringify(line)).join('\n'))
const attempt = { f: 'attempt', op: 'w', delivery: 'w#2', subscription: 'bulk', number: 2 }
const request = { f: 'request', budgets: ['account'] }

it('accepts a pause that keeps its promise, and tells what waited', () => {
  const verdict = check(good)
  expect(verdict.violations).toEqual([])
  expect(verdict.pauses).toEqual([{ subscription: 'bulk', lastedMs: 5_000, held: 2, quietMs: 3_999, drainedInMs: 500 }])
  expect(describeVerdict(verdict)).toContain(
    'pause of bulk, 5.0 s: 2 messages waited, nothing sent for 4.0 s, drained in 0.5 s',
  )
})

it('is still quiet when only a kill ended what was under way', () => {
  const withoutAnswer = good.filter(
    (event) => !('delivery' in event && event.delivery === 'a#1' && event.f !== 'attempt'),
  )
  expect(check(withoutAnswer).pauses).toMatchObject([{ quietMs: 4_400 }])
})

it.each<[string, HistoryEvent[], string]>([
  ['an attempt begins', plus({ ...attempt, atMs: 1_001 }), '1 delivery attempts began while bulk was paused'],
  [
    'Customer.io hears of a message that waits',
    plus({ ...request, atMs: 3_002, keys: ['w'] }),
    'Customer.io heard of it',
  ],
  [
    'a process that lost its push goes on',
    plus({ ...request, atMs: 5_999, keys: ['o', 'l'] }),
    'Customer.io heard of it',
  ],
  [
    'attempts are spent',
    good.map((event) => (event.f === 'attempt' && event.number === 2 ? { ...event, number: 4 } : event)),
    '2 of its delivery attempts were spent by a pause',
  ],
])('rejects a pause in which %s', (_, history, text) => {
  const { violations } = check(history)
  expect(violations).toEqual([{ rule: 'paused', subject: expect.anything(), text: expect.stringContaining(text) }])
})

it.each<[string, object]>([
  ['before what was under way is over', { ...request, atMs: 2_000, keys: ['w'] }],
  ['of a message that another subscription has tried too', { ...request, atMs: 5_000, keys: ['b'] }],
  ['that names no message', { ...request, atMs: 5_000 }],
])('minds no request %s', (_, line) => {
  expect(check(plus(line)).violations).toEqual([])
})

it('knows nothing of requests in a history without pushes, and nothing of a pause without an end', () => {
  const blind = plus({ ...request, atMs: 5_000, keys: ['w'] }).filter(({ f }) => f !== 'push' && f !== 'record')
  expect(check(blind)).toMatchObject({ violations: [], pauses: [{ quietMs: 0 }] })
  expect(check(good.filter(({ f }) => f !== 'resume')).pauses).toEqual([])
})
