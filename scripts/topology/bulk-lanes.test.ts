import { functionEnvironment } from '../local/environment.ts'
import { withNamePrefix } from './names.ts'
import { withBulkLane } from './testing.ts'
import { bundleNames, readTopology } from './topology.ts'

const plain = readTopology()

it('deploys the bundle once more, and lets the bulk subscription alone push there', () => {
  const { functions, subscriptions } = withBulkLane('track', { part: 0.5, max_instances: 1 })
  expect(Object.keys(functions).filter((name) => !Object.hasOwn(plain.functions, name))).toEqual(['track-bulk'])
  expect(functions['track-bulk']).toEqual({ ...plain.functions.track, rate_share: 0.2, max_instances: 1 })
  expect(functions.track).toEqual({ ...plain.functions.track, rate_share: 0.2 })
  expect(bundleNames({ functions })).toEqual(Object.keys(plain.functions))
  const bulk = plain.subscriptions['track-bulk']
  expect(subscriptions).toEqual({ ...plain.subscriptions, 'track-bulk': { ...bulk, push: 'track-bulk' } })
})

it('tells the function of a lane all that its code needs, under a prefix too', () => {
  const topology = withBulkLane('track', { part: 0.25 })
  const hosts = {
    ...{
      projectId: 'p',
      pubsub: 'p:1',
      firestore: 'f:1',
      bigquery: 'http://b',
      trackUrl: 't',
      appUrl: 'a',
      webhookUrl: 'w',
    },
    ...{ region: 'eu' as const, secretFile: (name: string) => name, requestsPerSecond: 1_000 },
  }
  const of = (name: string) => functionEnvironment(topology, name, hosts)
  expect(of('track-bulk')).toEqual({ ...of('track'), CUSTOMERIO_REQUESTS_PER_SECOND: '80' })
  expect(withNamePrefix(topology, 'uk-')).toMatchObject({
    subscriptions: { 'uk-track-bulk': { push: 'uk-track-bulk' } },
    functions: { 'uk-track-bulk': { code: 'track' } },
  })
})

it.each([
  [{ part: 0 }, /track\.bulk_lane\.part/],
  [{ part: 1 }, /track\.bulk_lane\.part/],
  [{ part: 0.5, share: 1 }, /track\.bulk_lane/],
])('refuses the lane %j', (lane, error) => {
  expect(() => withBulkLane('track', lane)).toThrow(error)
})

it('refuses a lane of a function that has no bulk subscription', () => {
  expect(() => withBulkLane('warehouse', { part: 0.5 })).toThrow('functions.warehouse.bulk_lane: no subscription')
})
