import { entryOf, parseLogFilter } from './log-filter.ts'

const entry = { labels: { function: 'track' }, jsonPayload: { event: 'message', answer: 204, outcome: 'delivered' } }

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
])('%s', (filter, expected) => {
  expect(parseLogFilter(filter)(entry)).toBe(expected)
})

it.each(['jsonPayload.event=~"m.*"', 'NOT jsonPayload.event="message"', 'jsonPayload.event=', '(a="b"', 'a="b" c="d"'])(
  'does not pretend to understand %s',
  (filter) => {
    expect(() => parseLogFilter(filter)).toThrow(filter)
  },
)

it('takes what Cloud Logging treats specially out of the payload', () => {
  const line = '{"severity":"INFO","logging.googleapis.com/labels":{"function":"track"},"event":"message"}'
  expect(entryOf(line)).toEqual({ severity: 'INFO', labels: { function: 'track' }, jsonPayload: { event: 'message' } })
})
