import { withNamePrefix } from '../../topology/names.ts'
import { readTopology } from '../../topology/topology.ts'
import { sourcesOf } from './source.ts'

it('finds every dead-letter topic of pipeline.yaml once, whatever number of lanes it has', () => {
  const topology = readTopology()
  const topics = Object.values(topology.subscriptions).flatMap(({ dead_letter_topic: topic }) => topic ?? [])
  expect(sourcesOf(topology).map(({ deadLetterSubscription }) => deadLetterSubscription)).toEqual([...new Set(topics)])
  const names = ['identify', 'track', 'transactional', 'warehouse', 'message-outcomes']
  expect(sourcesOf(topology).map(({ name }) => name)).toEqual(names)
  expect(sourcesOf(topology, ['track'])).toMatchObject([
    { topic: 'track', deployedTopic: 'track', deadLetterSubscription: 'track-dead-letter' },
  ])
  expect(() => sourcesOf(readTopology(), ['webhook'])).toThrow('there are no dead letters of webhook')
})

it('knows a source by its name in pipeline.yaml, whatever it is called in the project', () => {
  expect(sourcesOf(withNamePrefix(readTopology(), 'uk-'), ['track'])).toEqual([
    {
      name: 'track',
      topic: 'track',
      deployedTopic: 'uk-track',
      deadLetterSubscription: 'uk-track-dead-letter',
      ackDeadlineMs: 60_000,
    },
  ])
})
