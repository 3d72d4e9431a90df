import { createPace } from './pace.ts'

it('spreads work over time, and ends it when asked to', async () => {
  let nowMs = 0
  const controller = new AbortController()
  const pace = createPace(10, () => nowMs, controller.signal)
  await pace(5)
  nowMs = 500
  await pace(1)
  const late = pace(1)
  controller.abort()
  await expect(late).rejects.toThrow('aborted')
})
