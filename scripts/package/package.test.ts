import { type Consumer, linkedConsumer } from './testing/consumer.ts'
import { keepsItsPromises, typeErrors } from './testing/promises.ts'

describe('the package', () => {
  let consumer: Consumer
  beforeAll(async () => {
    consumer = await linkedConsumer()
  }, 120_000)
  afterAll(() => consumer?.[Symbol.asyncDispose]())

  keepsItsPromises(() => consumer)

  it('has types that resolve from ES modules and CommonJS, and refuse what is wrong', async () => {
    expect(await typeErrors(consumer, 'node16')).toEqual([])
  })
})
