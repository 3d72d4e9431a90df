import { replay } from './dead-letters/replay.ts'
import { CrashPoints, whilePublishing } from './testing/crash-points.ts'

/** `crash-points.long.test.ts` does the same with the commands whose points are more than a hundred, or slow. */
let crash: CrashPoints
beforeAll(async () => {
  crash = await CrashPoints.start('cio-crash-points-test')
})
afterAll(() => crash?.[Symbol.asyncDispose]())

it('dlq replay: nothing is lost, nothing goes out under another key, and a killed run is resumed', async () => {
  const calls = await crash.killEverywhere(async (number) => {
    const keys = await crash.deadLetters('track', number, 'exhausted', 3)
    return {
      run: (context) =>
        replay(
          context,
          ['track'],
          {},
          {
            ...{ dryRun: false, edit: false, acceptDuplicates: false, force: false, release: false },
            ...{ maxReplays: 5, rate: 5_000, limit: Number.POSITIVE_INFINITY },
          },
        ),
      check: async (killedAt) => {
        expect(crash.outstanding('track-dead-letter')).toBe(0)
        crash.expectPublished('track', keys, whilePublishing(killedAt))
        expect(crash.journalsOf(number)).toEqual([])
      },
    }
  })
  expect(calls).toEqual({ 'SubscriberClient.pull': 4, 'Topic.publishMessage': 6, 'SubscriberClient.acknowledge': 1 })
})
