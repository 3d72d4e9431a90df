import { readTopology } from '../topology/topology.ts'
import { sourceOf } from './lanes.ts'
import { lanesOf, TOPICS } from './messages.ts'

it('pauses, resumes, counts and delivers twice in both lanes of a topic, also after a restart', () => {
  const done: string[] = []
  const note =
    (what: string) =>
    (name: string, ...rest: unknown[]) => {
      done.push([what, name.replace('projects/local/subscriptions/', ''), ...rest].join(' '))
    }
  const pubsub = {
    pause: note('old'),
    resume: note('old'),
    duplicatePushes: note('old'),
    stats: () => ({ outstanding: 0 }),
  }
  const stack = { endpoints: { projectId: 'local' }, pubsub }
  const source = sourceOf(stack, 'track')
  stack.pubsub = {
    pause: note('pause'),
    resume: note('resume'),
    duplicatePushes: note('twice'),
    stats: () => ({ outstanding: 7 }),
  }
  source.pause()
  source.resume()
  source.duplicatePushes(3, 'after')
  expect(done).toEqual([
    'pause track',
    'pause track-bulk',
    'resume track',
    'resume track-bulk',
    'twice track 3 after',
    'twice track-bulk 3 after',
  ])
  expect(source.outstanding()).toBe(14)
})

it('the lanes are those of pipeline.yaml', () => {
  const { subscriptions } = readTopology()
  for (const topic of TOPICS) {
    const names = Object.entries(subscriptions).flatMap(([name, one]) => (one.topic === topic ? [name] : []))
    expect(names).toEqual(lanesOf(topic))
  }
})
