import { withNamePrefix } from '../../topology/names.ts'
import { readTopology } from '../../topology/topology.ts'
import { sourcesOf } from './source.ts'

it('finds every subscription of dead letters in pipeline.yaml once, whatever number of lanes it has', () => {
  const topology = readTopology()
  const topics = Object.values(topology.subscriptions).flatMap(({ dead_letter_topic: topic }) => topic ?? [])
  const waiting = Object.entries(topology.subscriptions).filter(([, { topic }]) => topics.includes(topic))
  const found = sourcesOf(topology).map(({ deadLetterSubscription }) => deadLetterSubscription)
  expect(found.toSorted()).toEqual(waiting.map(([name]) => name).toSorted())
  const named = (names?: string[]) => sourcesOf(topology, names).map(({ name }) => name)
  const failed = ['identify', 'track', 'transactional', 'warehouse', 'message-outcomes']
  expect(named().filter((name) => !name.endsWith('-not-sent'))).toEqual(failed)
  expect(named(['track', 'warehouse'])).toEqual(['track', 'track-not-sent', 'warehouse'])
  expect(sourcesOf(topology, ['track-not-sent'])).toMatchObject([
    { topic: 'track', deployedTopic: 'track', deadLetterSubscription: 'track-not-sent' },
  ])
  expect(() => sourcesOf(readTopology(), ['webhook'])).toThrow('there are no dead letters of webhook')
})

it('knows a source by its name in pipeline.yaml, whatever it is called in the project', () => {
  expect(sourcesOf(withNamePrefix(readTopology(), 'uk-'), ['track'])).toMatchObject([
    {
      name: 'track',
      topic: 'track',
      deployedTopic: 'uk-track',
      deadLetterSubscription: 'uk-track-dead-letter',
      ackDeadlineMs: 60_000,
    },
    { name: 'track-not-sent', deadLetterSubscription: 'uk-track-not-sent' },
  ])
})
