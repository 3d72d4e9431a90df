import { withBulkLane } from '../../topology/testing.ts'
import { readTopology } from '../../topology/topology.ts'
import { deviations, laneDeviations, permitted } from './pubsub.ts'

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

describe('a bulk lane', () => {
  const plain = readTopology()
  const own = withBulkLane('track', { part: 0.5 })
  const together = () => 'https://track'
  const apart = (name: string) => `https://${name}`

  it.each([
    ['that shares a function as declared', plain, together, []],
    ['that has its own as declared', own, apart, []],
    ['that has none yet', own, together, ['it pushes where track does, not to track-bulk']],
    ['that still has one', plain, apart, ['it does not push where track does']],
  ])('%s', (_what, topology, addressOf, found) => {
    expect(laneDeviations(topology, 'track-bulk', addressOf)).toEqual(found)
    expect(laneDeviations(topology, 'track', addressOf)).toEqual([])
  })
})

it('says of an operator that replaying topics needs another role', () => {
  expect(permitted(true, '')).toEqual([
    { area: 'permissions', state: 'ok', note: expect.stringContaining('and replay topics') },
  ])
  const [, missing] = permitted(false, 'eu-west-')
  expect(missing).toMatchObject({ state: 'skipped', note: expect.stringContaining('eu_west_customerio_replayer') })
})
