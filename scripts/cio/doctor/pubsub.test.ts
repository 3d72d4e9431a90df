import { readTopology } from '../../topology/topology.ts'
import { deviations } from './pubsub.ts'

describe('a subscription', () => {
  const declared = readTopology().subscriptions.identify
  const actual = {
    filter: 'NOT attributes.lane = "bulk"',
    topic: 'projects/p/topics/identify',
    enableMessageOrdering: true,
    pushConfig: { pushEndpoint: 'https://identify' },
    deadLetterPolicy: { deadLetterTopic: 'projects/p/topics/identify-dead-letter', maxDeliveryAttempts: 100 },
    ackDeadlineSeconds: 60,
  }

  it('that is as declared has no deviations', () => {
    expect(declared && deviations(declared, actual)).toEqual([])
  })

  it('that somebody changed by hand shows what and how', () => {
    const changed = {
      ...actual,
      enableMessageOrdering: false,
      deadLetterPolicy: null,
      pushConfig: null,
      ackDeadlineSeconds: 10,
      filter: 'attributes:x',
    }
    expect(declared && deviations(declared, changed)).toEqual([
      'it is not ordered; ordering needs a new subscription',
      'it has no push endpoint',
      'it has no dead-letter topic',
      'its ack deadline is 10 s instead of 60 s',
      'its filter is attributes:x; another filter needs a new subscription, which loses the backlog',
    ])
  })
})
