import { stepsOf } from './steps.ts'

const row = (metric: string, atMs: number) => ({ eventId: `${metric} ${atMs}`, metric, atMs })

it('tells of each report how far its webhook has come', () => {
  const message = { id: 'd', reported: ['sent', 'delivered', 'opened', 'clicked'], stored: [row('sent', 1)] }
  const answered = new Map([
    ['d delivered', 204],
    ['d opened', 503],
    ['d clicked', 0],
    ['another opened', 204],
  ])
  expect(stepsOf(message, answered).map(({ metric, tone, state }) => [metric, tone, state])).toEqual([
    ['sent', 'good', '✓ a row in BigQuery'],
    ['delivered', 'busy', '↻ answered 204, on its way to BigQuery'],
    ['opened', 'bad', '✕ answered 503: it comes again'],
    ['clicked', 'bad', '✕ not answered: it comes again'],
  ])
  expect(stepsOf({ ...message, stored: [] }, new Map())).toMatchObject([{ state: '○ on its way' }, {}, {}, {}])
})

it('shows what happened twice twice, and rows that another told of', () => {
  const opened = { id: 'd', reported: ['opened', 'opened'], stored: [row('converted', 1), row('opened', 2)] }
  expect(stepsOf(opened, new Map()).map(({ metric, tone }) => `${metric} ${tone}`)).toEqual([
    ...['converted good', 'opened good', 'opened quiet'],
  ])
})
