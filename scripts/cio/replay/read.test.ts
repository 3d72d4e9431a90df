import type { DeadLetter } from '../dead-letters/dead-letter.ts'
import { pagesBefore } from './read.ts'
import { sourceOf } from './temporary.ts'

const SECOND = 1_000
const UNTIL_MS = 1_000_000

function messageAt(publishedAtMs: number): DeadLetter {
  return {
    source: sourceOf({ name: 'cio-replay', topic: { own: 'track', deployed: 'track' } }),
    ...{ id: '1', messageId: String(publishedAtMs), ackId: 'a', attributes: {}, orderingKey: '' },
    data: Buffer.from('{}'),
    deadLetteredAtMs: publishedAtMs,
  }
}

/** A subscription that takes so many seconds of empty pulls until it has gone back in time. */
function subscriptionAfter(emptySeconds: number, local: boolean) {
  let nowMs = 0
  const waiting = [messageAt(UNTIL_MS - 2), messageAt(UNTIL_MS - 1), messageAt(UNTIL_MS)]
  const acknowledged: string[] = []
  const subscription = {
    async *pulls() {
      nowMs += 3 * SECOND
      while (nowMs > emptySeconds * SECOND && waiting.length > 0) yield waiting.splice(0, 2)
    },
    acknowledge: async (page: readonly { readonly messageId: string }[]) => {
      acknowledged.push(...page.map(({ messageId }) => messageId))
    },
  }
  const context = { connection: { local }, now: () => nowMs, signal: new AbortController().signal }
  return { context, subscription, acknowledged, nowMs: () => nowMs }
}

async function read(emptySeconds: number, local: boolean) {
  const { context, subscription, acknowledged, nowMs } = subscriptionAfter(emptySeconds, local)
  const found: number[] = []
  for await (const page of pagesBefore(context, subscription, UNTIL_MS)) {
    found.push(...page.map(({ deadLetteredAtMs }) => deadLetteredAtMs))
  }
  return { found, acknowledged, nowMs: nowMs() }
}

it('goes on asking while a subscription goes back in time, and gives only what was published before', async () => {
  const { found, acknowledged, nowMs } = await read(20, false)
  expect(found).toEqual([UNTIL_MS - 2, UNTIL_MS - 1])
  expect(acknowledged).toEqual([String(UNTIL_MS)])
  expect(nowMs).toBeLessThan(90 * SECOND)
})

it('ends when nothing has come for half a minute', async () => {
  const { found, nowMs } = await read(3_600, false)
  expect(found).toEqual([])
  expect(nowMs).toBe(33 * SECOND)
})

it('believes the local stack at once', async () => {
  expect((await read(0, true)).found).toHaveLength(2)
  expect(await read(20, true)).toMatchObject({ found: [], nowMs: 3 * SECOND })
})
