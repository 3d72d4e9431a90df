import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { PubSub, v1 } from '@google-cloud/pubsub'
import { type PubSubServer, startPubSub } from '../../scripts/emulators/pubsub/index.ts'
import { hasGcloud } from '../../scripts/testing/gcloud.ts'
import { findPython } from '../../scripts/testing/python.ts'
import { identifyMessage, parseMessage } from '../contract/index.ts'
import { MessagingPublisher } from './index.ts'

const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')
const PROJECT = 'local-project'
const A_MINUTE = 60_000

interface Example {
  readonly what: string
  readonly code: string
  /** What runs it, or undefined where that is not installed. */
  readonly command: readonly string[] | undefined
}

function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, code = '']) => code)
}

function inPython(code: string): Example {
  const module = code.includes('google.cloud') ? 'google.cloud.pubsub_v1' : 'json'
  const python = findPython(module)
  return { what: `Python and ${module}`, code, command: python === undefined ? undefined : [python, '-c'] }
}

describe('the README', () => {
  const [gcloud = '', forLocalStack = ''] = blocks('sh')
  const examples: Example[] = [
    { what: 'gcloud', code: `${forLocalStack}${gcloud}`, command: hasGcloud() ? ['bash', '-ec'] : undefined },
    ...blocks('python').map(inPython),
  ]
  let server: PubSubServer
  let pubsub: PubSub
  let puller: v1.SubscriberClient
  const folder = mkdtempSync(join(tmpdir(), 'publish-'))

  beforeAll(async () => {
    server = await startPubSub({ port: 0 })
    pubsub = new PubSub({ projectId: PROJECT, apiEndpoint: server.host })
    puller = new v1.SubscriberClient({ ...pubsub.options, projectId: PROJECT })
    const [topic] = await pubsub.createTopic('identify')
    await topic.createSubscription('identify', { enableMessageOrdering: true })
  })
  afterAll(async () => {
    await puller.close()
    await pubsub.close()
    await server.close()
    rmSync(folder, { recursive: true })
  })

  it('shows gcloud, and Python with and without a library', () => {
    expect(examples.map(({ what }) => what)).toEqual(['gcloud', 'Python and google.cloud.pubsub_v1', 'Python and json'])
  })

  for (const { what, code, command = [] } of examples) {
    const [program, ...args] = command
    const name = `publishes with ${what} what keeps the contract`
    if (program === undefined) it.skip(`SKIPPED, not installed: ${name}`, () => {})
    else
      it(
        name,
        async () => {
          const environment = {
            ...process.env,
            CLOUDSDK_CONFIG: folder,
            PUBSUB_EMULATOR_HOST: server.host,
            PYTHONPATH: join(import.meta.dirname, '../contract/python'),
            PYTHONDONTWRITEBYTECODE: '1',
          }
          await promisify(execFile)(program, [...args, code.replace('127.0.0.1:8085', server.host)], {
            env: environment,
          })
          const subscription = `projects/${PROJECT}/subscriptions/identify`
          const [{ receivedMessages }] = await puller.pull({ subscription, maxMessages: 1 })
          const [{ ackId, message } = {}] = receivedMessages ?? []
          expect(message).toMatchObject({ orderingKey: 'id:u1', attributes: { idempotency_key: 'signup-u1' } })
          expect(parseMessage(identifyMessage, Buffer.from(message?.data ?? ''))).toMatchObject({
            ok: true,
            value: { identifiers: { id: 'u1' }, attributes: { plan: 'pro' } },
          })
          await puller.acknowledge({ subscription, ackIds: [ackId ?? ''] })
        },
        A_MINUTE,
      )
  }

  it('names every method', () => {
    const methods = Object.getOwnPropertyNames(MessagingPublisher.prototype).filter((name) => name !== 'constructor')
    for (const method of methods.filter((name) => name !== 'flush')) expect(readme).toContain(method)
  })
})
