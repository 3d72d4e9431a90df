import { count } from './output.ts'

/** What a command has changed so far: told to whoever stops it or sees it fail. */
export class Done {
  readonly #sums = new Map<string, { readonly noun: string; readonly what: string; number: number }>()
  readonly #notes: string[] = []

  /** Adds to what is told as one sum: `3 dead letters of track deleted`. */
  add(number: number, noun: string, what: string): void {
    const key = `${noun} ${what}`
    const sum = this.#sums.get(key) ?? { noun, what, number: 0 }
    sum.number += number
    this.#sums.set(key, sum)
  }

  /** A change that is not counted: `version 3 of NAME added`. */
  note(words: string): void {
    this.#notes.push(words)
  }

  /** In words, each change once; empty when nothing was changed. */
  get words(): readonly string[] {
    const sums = [...this.#sums.values()].filter(({ number }) => number > 0)
    return [...this.#notes, ...sums.map(({ number, noun, what }) => `${count(number, noun)} ${what}`)]
  }
}
