import { createNoveltyFilter } from './index.ts'

describe('the filter of novelties', () => {
  const field = (name: string) => ({ kind: 'field' as const, name })

  it('lets each name through once', () => {
    const filter = createNoveltyFilter()
    expect(filter([field('data.a'), field('data.b')])).toEqual([field('data.a'), field('data.b')])
    expect(filter([field('data.b'), { kind: 'metric', name: 'data.b' }, field('data.c')])).toEqual([
      { kind: 'metric', name: 'data.b' },
      field('data.c'),
    ])
  })

  it('lets no more through when there are too many names', () => {
    const filter = createNoveltyFilter(2)
    expect(filter([field('a'), field('b'), field('c')])).toEqual([field('a'), field('b')])
    expect(filter([field('d')])).toEqual([])
  })
})
