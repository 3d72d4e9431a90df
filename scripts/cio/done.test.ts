import { Done } from './done.ts'

it('tells each kind of change as one sum, and what is not counted as it is', () => {
  const done = new Done()
  done.add(2, 'dead letter', 'of track deleted')
  done.add(1, 'row', 'of webhook_events deleted')
  done.add(1, 'dead letter', 'of track deleted')
  done.note('version 3 of NAME added')
  expect(done.words).toEqual([
    'version 3 of NAME added',
    '3 dead letters of track deleted',
    '1 row of webhook_events deleted',
  ])
})

it('has nothing to tell of what changed nothing', () => {
  const done = new Done()
  done.add(0, 'user', 'sent')
  expect(done.words).toEqual([])
})
