import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gcloudEnvironment, hasGcloud } from '../../testing/gcloud.ts'
import type { PubSubServer } from './index.ts'
import { Started } from './testing/started.ts'

/** Google's own command line, which speaks REST, against this server. */
if (!hasGcloud()) {
  console.warn('SKIPPED: gcloud was not found, so nobody but the tests spoke REST to the embedded Pub/Sub.')
  describe('gcloud', () => {
    it.skip('SKIPPED: not installed on this machine', () => {})
  })
} else
  describe('gcloud', () => {
    const started = new Started()
    const folder = mkdtempSync(join(tmpdir(), 'gcloud-'))
    let server: PubSubServer

    beforeAll(async () => {
      server = await started.pubSub()
      const [topic] = await started.client(server).createTopic('track')
      await topic.createSubscription('track')
    })
    afterAll(async () => {
      await started.close()
      rmSync(folder, { recursive: true })
    })

    async function gcloud(...args: string[]): Promise<unknown> {
      const env = { ...process.env, ...gcloudEnvironment(server.host, 'local', folder) }
      const { stdout } = await promisify(execFile)('gcloud', ['pubsub', ...args, '--format=json'], { env })
      return JSON.parse(stdout)
    }

    it('lists, publishes, pulls and acknowledges', async () => {
      expect(await gcloud('topics', 'list')).toMatchObject([{ name: 'projects/local/topics/track' }])
      const published = await gcloud('topics', 'publish', 'track', '--message=hello', '--attribute=idempotency_key=1')
      const pulled = await gcloud('subscriptions', 'pull', 'track', '--auto-ack', '--limit=2')
      expect(pulled).toMatchObject([
        { message: { data: Buffer.from('hello').toString('base64'), attributes: { idempotency_key: '1' } } },
      ])
      expect(published).toEqual({ messageIds: [expect.stringMatching(/^\d+$/)] })
      expect(server.stats('projects/local/subscriptions/track')).toMatchObject({ acknowledged: 1 })
    }, 60_000)

    it('says why it was refused', async () => {
      await expect(gcloud('topics', 'publish', 'none', '--message=x')).rejects.toMatchObject({
        stderr: expect.stringContaining('NOT_FOUND: Resource not found (resource=projects/local/topics/none)'),
      })
    }, 60_000)
  })
