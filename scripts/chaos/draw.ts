import { seededRandom } from '../emulators/customerio/random.ts'

/** Choices that follow from a seed alone. */
export interface Draw {
  /** A whole number from 0 up to, but without, the limit. */
  below(limit: number): number
  chance(probability: number): boolean
  pick<T>(from: readonly T[]): T
  /** One of the names, each as often as its weight says. */
  weighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name
  shuffled<T>(items: readonly T[]): T[]
}

export function drawing(seed: number): Draw {
  const random = seededRandom(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  return {
    below,
    chance: (probability) => random() < probability,
    pick(from) {
      const picked = from[below(from.length)]
      if (picked === undefined) throw new RangeError('nothing to pick from')
      return picked
    },
    weighted(weights) {
      let left = random() * Object.values<number>(weights).reduce((sum, weight) => sum + weight, 0)
      for (const [name, weight] of Object.entries<number>(weights)) {
        left -= weight
        if (left < 0) return name as keyof typeof weights
      }
      throw new RangeError('nothing to choose from')
    },
    shuffled(items) {
      const rest = [...items]
      return items.map(() => rest.splice(below(rest.length), 1)[0] as (typeof rest)[number])
    },
  }
}
