import { readTopology } from '../../topology/topology.ts'
import { sourcesOf } from './source.ts'

it('finds every subscription of pipeline.yaml that has dead letters', () => {
  const topology = readTopology()
  const pushed = Object.keys(topology.subscriptions).filter((name) => topology.subscriptions[name]?.push !== undefined)
  expect(sourcesOf(topology).map(({ name }) => name)).toEqual(pushed)
  expect(sourcesOf(topology, ['track'])).toMatchObject([
    { topic: 'track', deadLetterSubscription: 'track-dead-letter' },
  ])
  expect(() => sourcesOf(readTopology(), ['webhook'])).toThrow('there are no dead letters of webhook')
})
