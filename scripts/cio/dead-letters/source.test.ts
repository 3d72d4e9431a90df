import { readTopology } from '../../topology/topology.ts'
import { sourcesOf } from './source.ts'

it('finds every place where messages are given up in pipeline.yaml', () => {
  const names = sourcesOf(readTopology()).map(({ name, deadLetterSubscription }) => [name, deadLetterSubscription])
  expect(names).toEqual([
    ['identify', 'identify-dead-letter'],
    ['track', 'track-dead-letter'],
    ['transactional', 'transactional-dead-letter'],
    ['warehouse', 'warehouse-dead-letter'],
  ])
  expect(() => sourcesOf(readTopology(), ['webhook'])).toThrow('there are no dead letters of webhook')
})
