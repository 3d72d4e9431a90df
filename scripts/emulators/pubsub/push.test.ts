import type { ServerResponse } from 'node:http'
import { OAuth2Client } from 'google-auth-library'
import { ManualClock } from './testing/manual-clock.ts'
import { nextEvent, Started } from './testing/started.ts'

describe('a push', () => {
  const started = new Started()
  afterEach(() => started.close())

  const text = (value: string) => ({ data: Buffer.from(value) })

  it('tells the delivery attempt where there is a dead-letter policy, and nowhere else', async () => {
    const server = await started.pubSub()
    const client = started.client(server)
    const { url, received } = await started.endpoint((_push, index) => (index < 2 ? 503 : 204))
    const plain = await started.endpoint(() => 204)
    const [deadLetterTopic] = await client.createTopic('dead')
    const [topic] = await started.subscription(client, {
      pushEndpoint: url,
      deadLetterPolicy: { deadLetterTopic: deadLetterTopic.name, maxDeliveryAttempts: 5 },
    })
    await topic.createSubscription('plain', { pushEndpoint: plain.url })
    await topic.publishMessage(text('x'))
    expect((await received(3)).map(({ deliveryAttempt }) => deliveryAttempt)).toEqual([1, 2, 3])
    expect((await plain.received(1))[0]).not.toHaveProperty('deliveryAttempt')
  })

  it('carries the ordering key', async () => {
    const server = await started.pubSub()
    const { url, received } = await started.endpoint(() => 204)
    const [topic] = await started.subscription(started.client(server), {
      pushEndpoint: url,
      enableMessageOrdering: true,
    })
    topic.setPublishOptions({ messageOrdering: true })
    await topic.publishMessage({ ...text('x'), orderingKey: 'person-1' })
    expect((await received(1))[0]?.message.orderingKey).toBe('person-1')
  })

  it.each([200, 201, 202, 204])('is acknowledged by %i', async (status) => {
    const server = await started.pubSub()
    const { url } = await started.endpoint(() => status)
    const [topic, subscription] = await started.subscription(started.client(server), { pushEndpoint: url })
    const acknowledged = nextEvent(server, 'acknowledged')
    const messageId = await topic.publishMessage(text('x'))
    expect(await acknowledged).toEqual({ subscription: subscription.name, messageId, attempt: 1 })
  })

  it('is acknowledged by 102, before the answer', async () => {
    const server = await started.pubSub()
    const { url } = await started.endpoint(() => (response) => response.writeProcessing())
    const [topic] = await started.subscription(started.client(server), { pushEndpoint: url })
    const delivered = nextEvent(server, 'delivered')
    await topic.publishMessage(text('x'))
    expect(await delivered).toMatchObject({ status: 102, attempt: 1, via: 'push' })
  })

  it.each([203, 206, 301, 400, 401, 429, 500])('is made again after %i', async (status) => {
    const server = await started.pubSub()
    const { url } = await started.endpoint((_push, index) => (index === 0 ? status : 204))
    const [topic] = await started.subscription(started.client(server), { pushEndpoint: url })
    const acknowledged = nextEvent(server, 'acknowledged')
    await topic.publishMessage(text('x'))
    expect((await acknowledged).attempt).toBe(2)
  })

  it('is cut off at the ack deadline and made again', async () => {
    const clock = new ManualClock()
    const server = await started.pubSub(clock)
    const { url, received } = await started.endpoint((_push, index) => (index === 0 ? () => {} : 204))
    const [topic] = await started.subscription(started.client(server), { pushEndpoint: url, ackDeadlineSeconds: 20 })
    await topic.publishMessage(text('slow'))
    await received(1)
    clock.advance(19_999)
    expect(server.allStats()).toMatchObject([{ leased: 1, deliveries: 1 }])
    const failed = nextEvent(server, 'delivered')
    clock.advance(1)
    expect(await failed).toMatchObject({ attempt: 1, failure: 'no answer within the ack deadline', latencyMs: 20_000 })
    await received(2)
  })

  it('is retried with a back-off that doubles from the minimum to the maximum, for each message on its own', async () => {
    const clock = new ManualClock()
    const server = await started.pubSub({ ...clock, backoffScale: 0.5 })
    const { url } = await started.endpoint((push) => (push.text === 'bad' ? 500 : 204))
    const [topic, subscription] = await started.subscription(started.client(server), {
      pushEndpoint: url,
      retryPolicy: { minimumBackoff: { seconds: 2 }, maximumBackoff: { seconds: 10 } },
    })
    const attempt = (number: number) => nextEvent(server, 'delivered', (event) => event.attempt === number)
    let failed = attempt(1)
    await topic.publishMessage(text('bad'))
    for (const [index, delayMs] of [1_000, 2_000, 4_000, 5_000, 5_000].entries()) {
      await failed
      await new Promise(setImmediate)
      expect(server.stats(subscription.name)).toMatchObject({ waiting: 1, deliveries: index + 1 })
      failed = attempt(index + 2)
      clock.advance(delayMs - 1)
      expect(server.stats(subscription.name).waiting).toBe(1)
      clock.advance(1)
    }
    const other = nextEvent(server, 'acknowledged')
    await topic.publishMessage(text('good'))
    clock.advance(2_000) // the backoff of the subscription; that of the message takes longer
    expect(await other).toMatchObject({ attempt: 1 })
  })

  it('never has more in flight than it may', async () => {
    const server = await started.pubSub({ maxOutstandingPushes: 3 })
    const unanswered: ServerResponse[] = []
    let holding = true
    const { url, received, pushes } = await started.endpoint(() =>
      holding ? (response) => void unanswered.push(response) : 204,
    )
    const [topic, { name }] = await started.subscription(started.client(server), { pushEndpoint: url })
    await Promise.all(['1', '2', '3', '4', '5'].map((value) => topic.publishMessage(text(value))))
    await received(3)
    expect(server.stats(name)).toMatchObject({ outstanding: 5, leased: 3 })
    expect(pushes).toHaveLength(3)
    let left = 5
    const all = nextEvent(server, 'acknowledged', () => --left === 0)
    holding = false
    for (const response of unanswered) response.writeHead(204).end()
    await all
    expect(server.stats(name)).toMatchObject({ outstanding: 0, leased: 0, acknowledged: 5 })
  })

  describe('with a service account', () => {
    const pushConfig = (pushEndpoint: string) => ({
      pushEndpoint,
      oidcToken: { serviceAccountEmail: 'push@local.example', audience: 'https://identify.example' },
    })

    it("carries a token that Google's own library verifies", async () => {
      const server = await started.pubSub()
      const { url, received } = await started.endpoint(() => 204)
      const [topic] = await started.subscription(started.client(server), { pushConfig: pushConfig(url) })
      await topic.publishMessage(text('x'))
      const token = (await received(1))[0]?.headers.authorization?.replace(/^Bearer /, '') ?? ''
      const verify = async (audience: string, certs: Record<string, string>) =>
        await new OAuth2Client().verifySignedJwtWithCertsAsync(token, certs, audience, ['https://accounts.google.com'])

      const certs = await server.certs()
      const ticket = await verify('https://identify.example', certs)
      expect(ticket.getPayload()).toMatchObject({ email: 'push@local.example', email_verified: true })
      expect(ticket.getUserId()).toMatch(/^\d{21}$/)
      await expect(verify('https://other.example', certs)).rejects.toThrow('Wrong recipient')

      const other = await started.pubSub()
      const [kid = ''] = Object.keys(certs)
      const [stranger = ''] = Object.values(await other.certs())
      await expect(verify('https://identify.example', { [kid]: stranger })).rejects.toThrow('Invalid token signature')
      expect((await server.jwks()).keys).toMatchObject([{ kid, kty: 'RSA', alg: 'RS256' }])
    })

    it('carries none when the server is told not to sign', async () => {
      const server = await started.pubSub({ signPush: false })
      const { url, received } = await started.endpoint(() => 204)
      const [topic] = await started.subscription(started.client(server), { pushConfig: pushConfig(url) })
      await topic.publishMessage(text('x'))
      expect((await received(1))[0]?.headers).not.toHaveProperty('authorization')
    })
  })
})
