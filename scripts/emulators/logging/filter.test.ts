import { parseLogFilter } from './index.ts'

const entry = {
  insertId: 0.5,
  severity: 'WARNING',
  httpRequest: { status: 404 },
  textPayload: 'Memory limit of 512 MiB exceeded',
  labels: { function: 'track' },
  jsonPayload: { event: 'message', answer: 204, outcome: 'delivered' },
}

it.each([
  ['jsonPayload.event="message"', true],
  ['jsonPayload.event="webhook"', false],
  ['jsonPayload.answer=204', true],
  ['jsonPayload.answer>=205', false],
  ['jsonPayload.answer>=204', true],
  ['jsonPayload.nothing>=0', false],
  ['jsonPayload.nothing="undefined"', false],
  ['jsonPayload.outcome=("refused" OR "delivered")', true],
  ['jsonPayload.outcome=("refused" OR "retry")', false],
  ['jsonPayload.event="message" AND labels.function="track"', true],
  ['jsonPayload.event="message" AND labels.function="identify"', false],
  ['(jsonPayload.event="webhook" OR jsonPayload.answer=204)', true],
  // AND of (webhook or message) with identify: OR binds first.
  ['jsonPayload.event="webhook" OR jsonPayload.event="message" AND labels.function="identify"', false],
  ['severity>=WARNING', true],
  ['severity>=ERROR', false],
  ['httpRequest.status<400', false],
  ['httpRequest.status<405', true],
  ['textPayload:"Memory limit of"', true],
  ['textPayload:"heap"', false],
  ['textPayload=~"^Memory .*exceeded$"', true],
  ['labels.function!="identify"', true],
  ['labels.nothing!="identify"', true],
  ['NOT jsonPayload.event="message"', false],
  ['NOT jsonPayload.nothing="message"', true],
  ['NOT (labels.function="identify" OR labels.function="warehouse") AND severity>=WARNING', true],
  ['sample(insertId, 0.6)', true],
  ['sample(insertId, 0.4)', false],
])('%s', (filter, expected) => {
  expect(parseLogFilter(filter)(entry)).toBe(expected)
})

it.each(['jsonPayload.event>"m"', 'jsonPayload.event', 'jsonPayload.event=', '(a="b"', 'a="b" c="d"', 'log_id("a")'])(
  'does not pretend to understand %s',
  (filter) => {
    expect(() => parseLogFilter(filter)).toThrow(filter)
  },
)
