import type { HttpFunction } from '@google-cloud/functions-framework'
import { hostOfTest } from '../../scripts/testing/host.ts'
import { serveFunction } from '../../scripts/testing/push.ts'
import { ConfigurationError, type ProcessConfig } from '../config/index.ts'
import { createFunction, type FunctionDefinition, register } from './index.ts'

const config: ProcessConfig = { projectId: 'p', logLevel: 'INFO' }
const fn = (name: string, handler: HttpFunction): FunctionDefinition<ProcessConfig> => ({
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
          response.status(204).end()
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

it('does not hide any other error', () => {
  const parseConfig = () => {
    throw new TypeError('broken')
  }
  expect(() => createFunction({ ...fn('broken', () => {}), parseConfig }, hostOfTest({}))).toThrow('broken')
})

it('runs a function in no domain, so that what requests share belongs to none of them', async () => {
  const domains: unknown[] = []
  const look = () => domains.push(Reflect.get(process, 'domain') ?? undefined)
  const handler: HttpFunction = async (_request, response) => {
    look()
    await Promise.resolve()
    look()
    setImmediate(() => {
      look()
      response.status(204).end()
    })
  }
  register(fn('without-domain', handler), hostOfTest({}))
  const served = await serveFunction('without-domain')
  expect(await served.push({})).toBe(204)
  await served.close()
  expect(domains).toEqual([undefined, undefined, undefined])
})
