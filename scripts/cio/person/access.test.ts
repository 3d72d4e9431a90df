import { everyPage } from './access.ts'

describe("a list of Customer.io's", () => {
  it('is read to its end, a page at a time', async () => {
    const asked: (string | undefined)[] = []
    const all = await everyPage('messages', async ({ start }) => {
      asked.push(start)
      const from = Number(start ?? 0)
      return { messages: [from, from + 1], next: from < 4 ? String(from + 2) : '' }
    })
    expect(all).toEqual([0, 1, 2, 3, 4, 5])
    expect(asked).toEqual([undefined, '2', '4'])
  })

  it('is nothing where there is no such person, and empty where there is none of it', async () => {
    const absent = Object.assign(new Error('404'), { statusCode: 404 })
    await expect(everyPage('messages', () => Promise.reject(absent))).resolves.toBeUndefined()
    await expect(everyPage('activities', async () => ({ activities: null }))).resolves.toEqual([])
  })

  it('in an unknown form is an error and not an empty list', async () => {
    await expect(everyPage('messages', async () => ({ messages: 'none' }))).rejects.toThrow('unknown form')
  })
})
