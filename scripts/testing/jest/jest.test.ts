import Module from 'node:module'
import { ZodError } from 'zod'
import OneContext from './environment.ts'

it('a suite has the packages that Node has loaded for the whole worker', () => {
  const loaded: NodeJS.Dict<NodeJS.Module> = Reflect.get(Module, '_cache')
  expect(loaded[require.resolve('zod')]?.exports.ZodError).toBe(ZodError)
})

it('puts the globals and the variables back that a suite has changed', async () => {
  const before = { fetch, exit: process.exit, env: { ...process.env } }
  const environment = new OneContext()
  globalThis.fetch = () => Promise.reject(new Error('replaced'))
  process.exit = () => {
    throw new Error('replaced')
  }
  process.env.ADDED_BY_A_SUITE = 'yes'
  delete process.env.PATH
  await environment.teardown()
  expect({ fetch, exit: process.exit, env: { ...process.env } }).toEqual(before)
})

it('refuses a mock of a package, which the other suites would have too', () => {
  expect(() => jest.doMock('zod', () => ({}))).toThrow("jest.mock('zod')")
})
