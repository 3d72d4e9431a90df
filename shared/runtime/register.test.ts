import { EventEmitter } from 'node:events'
import { connect } from 'node:net'
import { hostOfTest } from '../../scripts/testing/host.ts'
import { serveFunction } from '../../scripts/testing/push.ts'
import { systemClock } from '../clock/index.ts'
import { ConfigurationError, type ProcessConfig } from '../config/index.ts'
import { createFunction, type FunctionDefinition, hostOf, type RequestHandler, register } from './index.ts'

const config: ProcessConfig = { projectId: 'p', logLevel: 'INFO' }
const fn = (name: string, handler: RequestHandler): FunctionDefinition<ProcessConfig> => ({
  name,
  parseConfig: () => config,
  create: () => handler,
})

it('registers a function under its name, with its configuration and a log of its own', async () => {
  const lines: Record<string, unknown>[] = []
  register(
    {
      name: 'registered',
      parseConfig: (env) => ({ ...config, projectId: env.GOOGLE_CLOUD_PROJECT ?? '' }),
      create:
        ({ projectId }, { log }) =>
        (_request, response) => {
          log.info('heard', { event: 'heard', reason: projectId })
          response.writeHead(204).end()
        },
    },
    hostOfTest({ GOOGLE_CLOUD_PROJECT: 'mine' }, (line) => lines.push(JSON.parse(line))),
  )
  const served = await serveFunction('registered')
  expect(await served.push({})).toBe(204)
  await served.close()
  expect(lines).toMatchObject([
    { event: 'heard', reason: 'mine', 'logging.googleapis.com/labels': { function: 'registered' } },
  ])
})

it('answers 503 while the configuration is invalid, and logs at every request what to set', async () => {
  const lines: Record<string, unknown>[] = []
  const parseConfig = () => {
    throw new ConfigurationError(['CUSTOMERIO_REGION must be us or eu'])
  }
  register(
    { ...fn('unconfigured', () => {}), parseConfig },
    hostOfTest({}, (line) => lines.push(JSON.parse(line))),
  )
  const served = await serveFunction('unconfigured')
  expect(await served.push({})).toBe(503)
  await served.close()
  const line = { severity: 'ERROR', message: 'invalid configuration: CUSTOMERIO_REGION must be us or eu' }
  expect(lines).toMatchObject([line, { ...line, answer: 503 }])
})

it.each([
  ['loud', 'INFO is used instead'],
  ['ERROR', 'metrics, alerts and SLO'],
])('serves with LOG_LEVEL=%s, and warns', async (level, warning) => {
  const lines: Record<string, unknown>[] = []
  const handler: RequestHandler = (_request, response) => void response.writeHead(204).end()
  register(
    fn('loud', handler),
    hostOfTest({ LOG_LEVEL: level }, (line) => lines.push(JSON.parse(line))),
  )
  const served = await serveFunction('loud')
  expect(await served.push({})).toBe(204)
  await served.close()
  expect(lines).toMatchObject([
    { severity: 'WARNING', event: 'setting_doubtful', message: expect.stringContaining(warning) },
  ])
})

it('does not hide any other error', () => {
  const parseConfig = () => {
    throw new TypeError('broken')
  }
  expect(() => createFunction({ ...fn('broken', () => {}), parseConfig }, hostOfTest({}))).toThrow('broken')
})

it('answers 503 and closes the connection once SIGTERM has come', async () => {
  const process = Object.assign(new EventEmitter(), { env: {}, stdout: { write: () => {} }, exit: () => {} })
  const handler: RequestHandler = (_request, response) => {
    process.emit('SIGTERM')
    response.writeHead(204).end()
  }
  register(fn('ending', handler), hostOf(process, systemClock))
  const served = await serveFunction('ending')
  // Two requests at once on one connection: the second is read after the signal.
  const socket = connect(Number(new URL(served.url).port), '127.0.0.1')
  socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n'.repeat(2))
  let text = ''
  for await (const chunk of socket) text += chunk
  expect(text.match(/^HTTP.*|^connection: close/gim)).toEqual([
    'HTTP/1.1 204 No Content',
    'HTTP/1.1 503 Service Unavailable',
    'Connection: close',
  ])
  await served.close()
})

it('runs a function in no domain, so that what requests share belongs to none of them', async () => {
  const domains: unknown[] = []
  const look = () => domains.push(Reflect.get(process, 'domain') ?? undefined)
  const handler: RequestHandler = async (_request, response) => {
    look()
    await Promise.resolve()
    look()
    setImmediate(() => {
      look()
      response.writeHead(204).end()
    })
  }
  register(fn('without-domain', handler), hostOfTest({}))
  const served = await serveFunction('without-domain')
  expect(await served.push({})).toBe(204)
  await served.close()
  expect(domains).toEqual([undefined, undefined, undefined])
})
