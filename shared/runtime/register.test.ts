import type { HttpFunction } from '@google-cloud/functions-framework'
import { serveFunction } from '../../scripts/testing/push.ts'
import { ConfigurationError } from '../config/index.ts'
import { configured, register } from './index.ts'

it('registers a function under its name, with its environment', async () => {
  register('registered', { REGION: 'us' }, (env) => (_request, response) => {
    response.status(env.REGION === 'us' ? 204 : 500).end()
  })
  const fn = await serveFunction('registered')
  expect(await fn.push({})).toBe(204)
  await fn.close()
})

it('answers 503 while the configuration is invalid, and logs at every request what to set', async () => {
  const errors: string[] = []
  const invalid = (): HttpFunction => {
    throw new ConfigurationError(['CUSTOMERIO_REGION must be us or eu'])
  }
  const log = { error: (message: string) => errors.push(message) }
  register('unconfigured', {}, () => configured('unconfigured', {}, invalid, log))
  const fn = await serveFunction('unconfigured')
  expect(await fn.push({})).toBe(503)
  await fn.close()
  const message = 'invalid configuration: CUSTOMERIO_REGION must be us or eu'
  expect(errors).toEqual([message, message])
})

it('does not hide any other error', () => {
  const broken = (): HttpFunction => {
    throw new TypeError('broken')
  }
  expect(() => configured('broken', {}, broken)).toThrow('broken')
})

it('runs a function in no domain, so that what requests share belongs to none of them', async () => {
  const domains: unknown[] = []
  const look = () => domains.push(Reflect.get(process, 'domain') ?? undefined)
  register('without-domain', {}, () => async (_request, response) => {
    look()
    await Promise.resolve()
    look()
    setImmediate(() => {
      look()
      response.status(204).end()
    })
  })
  const fn = await serveFunction('without-domain')
  expect(await fn.push({})).toBe(204)
  await fn.close()
  expect(domains).toEqual([undefined, undefined, undefined])
})
