/**
 * Every choice of a simulated hour, each by its name alone: leaving one fault out changes no other choice, so a failure can be
 * shrunk to the faults that it needs.
 */
export class Choices {
  /** Names of the faults that happened, in their order. */
  readonly happened: string[] = []
  readonly #seed: string
  readonly #only: ReadonlySet<string> | undefined
  #hasFaults = true

  /** @param only the faults that may happen; without, chance decides */
  constructor(seed: string, only?: ReadonlySet<string>) {
    this.#seed = seed
    this.#only = only
  }

  /** [0, 1) */
  number(name: string): number {
    return digestOf(this.#seed, name) / 2 ** 53
  }

  /** A whole number, both ends included. */
  between(name: string, from: number, to: number): number {
    return from + Math.floor(this.number(name) * (to - from + 1))
  }

  /** As {@link between}, but every second time the longest: what a limit is good for shows only there. */
  upTo(name: string, from: number, to: number): number {
    return this.chance(`longest ${name}`, 0.5) ? to : this.between(name, from, to)
  }

  pick<T>(name: string, from: readonly T[]): T {
    const picked = from[this.between(name, 0, from.length - 1)]
    if (picked === undefined) throw new RangeError(`nothing to pick from for ${name}`)
    return picked
  }

  chance(name: string, probability: number): boolean {
    return probability > 0 && this.number(name) < probability
  }

  /** From now on everything goes well. */
  stopFaults(): void {
    this.#hasFaults = false
  }

  /** Whether a fault happens. */
  fault(name: string, probability: number): boolean {
    const happens = this.#hasFaults && this.chance(name, probability) && (this.#only?.has(name) ?? true)
    if (happens) this.happened.push(name)
    return happens
  }
}

/** 53 bits, well spread: cyrb53 by bryc, public domain, with the seed as the start of the text. */
function digestOf(seed: string, name: string): number {
  let h1 = 0xdeadbeef
  let h2 = 0x41c6ce57
  for (const text of [seed, name]) {
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index)
      h1 = Math.imul(h1 ^ code, 2_654_435_761)
      h2 = Math.imul(h2 ^ code, 1_597_334_677)
    }
    h1 = Math.imul(h1 ^ 0x2f, 2_654_435_761)
    h2 = Math.imul(h2 ^ 0x2f, 1_597_334_677)
  }
  h1 = Math.imul(h1 ^ (h1 >>> 16), 2_246_822_507) ^ Math.imul(h2 ^ (h2 >>> 13), 3_266_489_909)
  h2 = Math.imul(h2 ^ (h2 >>> 16), 2_246_822_507) ^ Math.imul(h1 ^ (h1 >>> 13), 3_266_489_909)
  return 4_294_967_296 * (2_097_151 & h2) + (h1 >>> 0)
}
