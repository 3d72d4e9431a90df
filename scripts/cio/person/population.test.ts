import fc from 'fast-check'
import { relationOf, soughtBy } from '../dead-letters/whose.ts'
import { made, people } from '../testing/population.ts'
import { namesOf } from './person.ts'

it('a message is found for exactly the people for whom it was made', () => {
  fc.assert(
    fc.property(made, ({ topic, body, own, shared }) => {
      const data = Buffer.from(JSON.stringify(body))
      const relations = people.map((person) => relationOf(topic, data, soughtBy(namesOf(person))))
      const expected = people.map((_, index) =>
        own.includes(index) ? 'own' : shared.includes(index) ? 'shared' : 'none',
      )
      expect(relations).toEqual(expected)
    }),
    { numRuns: 2_000 },
  )
})
