import { parseActivities } from './activities.ts'

it('reads the type and data of each entry', () => {
  const body = { activities: [{ type: 'event', data: { total: 5 }, id: 'a1' }, { type: 'page' }] }
  expect(parseActivities(JSON.stringify(body))).toEqual([
    { type: 'event', data: { total: 5 } },
    { type: 'page', data: undefined },
  ])
})

it.each(['{}', '{"activities":null}', '{"activities":[]}'])('finds none in %s', (body) => {
  expect(parseActivities(body)).toEqual([])
})

it.each(['', '[]', '{"activities":{}}', '{"activities":[{"data":1}]}'])('takes %j for no list', (body) => {
  expect(parseActivities(body)).toEqual({ kind: 'uncertain', error: 'the list of activities has an unknown form' })
})
