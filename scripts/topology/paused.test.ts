import fc from 'fast-check'
import { labelsOfPause, MOST_WHY_BYTES, type Pause, pauseIn, pausing, resuming } from './paused.ts'

const address = 'https://transactional-abcdefghij-ew.a.run.app'
const longest = {
  pushEndpoint: address.repeat(2),
  oidcToken: {
    serviceAccountEmail: `${'a'.repeat(30)}@${'b'.repeat(30)}.iam.gserviceaccount.com`,
    audience: address.repeat(2),
  },
}
const pause: Pause = {
  by: 'Jane.Doe+ops@acme.com',
  sinceMs: 1_790_000_000_000,
  why: 'Wrong template: “3” — ä',
  push: longest,
}

it('comes back from its labels, and leaves the others as they are', () => {
  const labels = { app: 'customerio', 'paused-customers': 'no' }
  const paused = pausing({ labels, pushConfig: longest }, pause)
  expect(paused.pushConfig).toEqual({})
  expect(paused.labels).toMatchObject(labels)
  expect(pauseIn(paused.labels)).toEqual(pause)
  expect(resuming(paused, pause)).toEqual({ pushConfig: longest, labels })
  expect(pauseIn(labels)).toBeUndefined()
  expect(pauseIn(undefined)).toBeUndefined()
})

it('keeps the rules and the number of labels, whatever the reason and the name are', () => {
  const text = (bytes: number) => fc.string({ unit: 'binary' }).filter((value) => Buffer.byteLength(value) <= bytes)
  fc.assert(
    fc.property(text(MOST_WHY_BYTES), text(60), (why, by) => {
      const labels = labelsOfPause({ ...pause, why, by })
      const broken = Object.entries(labels).filter(
        ([name, value]) => !/^[a-z][a-z0-9-]{0,62}$/.test(name) || !/^[a-z0-9_-]{1,63}$/.test(value),
      )
      expect(broken).toEqual([])
      expect(pauseIn(labels)).toEqual({ ...pause, why: Buffer.from(why).toString(), by: Buffer.from(by).toString() })
    }),
  )
  const most = labelsOfPause({ ...pause, why: 'Ä'.repeat(MOST_WHY_BYTES / 2), by: '@'.repeat(63) })
  expect(Object.keys(most).length).toBeLessThanOrEqual(50)
})

it('says so when the address is gone: a resume would otherwise deliver to nowhere', () => {
  const { 'paused-push-00': _, ...labels } = labelsOfPause(pause)
  expect(() => pauseIn(labels)).toThrow('do not hold an address')
})

it('says so when its time is none', () => {
  expect(() => pauseIn({ ...labelsOfPause(pause), 'paused-since': 'yesterday' })).toThrow('paused-since is no time')
})
