import { INVARIANTS, type Invariant } from './invariants.ts'
import type { Bounds, Setting } from './setting.ts'
import { SearchWorld, type Step } from './world.ts'

export interface Explored {
  readonly states: number
  readonly transitions: number
  /** Ends of the search: nothing is left within the bounds. */
  readonly ends: number
  readonly broken: readonly Broken[]
}

/** An invariant that does not hold, with the steps that lead there. */
export interface Broken {
  readonly sentence: string
  readonly story: readonly string[]
}

/**
 * Takes every sequence of steps within the bounds, and judges every state that it leads to. A state that was seen is not
 * left again: what happens from there has been looked at. Workers cannot be copied, so each sequence starts from the beginning.
 *
 * It ends at the first invariant that does not hold.
 *
 * @param sentences the invariants to check; all that are promised in this setting, if left out
 * @param after steps that every sequence begins with, by what they say
 */
export async function explore(
  setting: Setting,
  bounds: Bounds,
  { sentences, after = [] }: { readonly sentences?: readonly string[]; readonly after?: readonly string[] } = {},
): Promise<Explored> {
  const promised = INVARIANTS.filter(
    ({ sentence, where = () => true }) => sentences?.includes(sentence) ?? where(setting),
  )
  const seen = new Set<string>()
  const left: (readonly number[])[] = [await choicesOf(new Run(setting, bounds, promised), after)]
  const broken: Broken[] = []
  let transitions = 0
  let ends = 0

  for (let path = left.pop(); path !== undefined && broken.length === 0; path = left.pop()) {
    const run = new Run(setting, bounds, promised)
    for (const choice of path) await run.take(choice)
    const choices = [...path]
    for (;;) {
      if (choices.length > 0) transitions++
      const key = run.world.key()
      if (run.broken.size > 0 || seen.has(key)) break
      seen.add(key)
      const steps = run.world.steps()
      if (steps.length === 0) {
        ends++
        await run.end()
        break
      }
      for (let other = steps.length - 1; other > 0; other--) left.push([...choices, other])
      choices.push(0)
      await run.take(0, steps)
    }
    for (const sentence of run.broken) broken.push({ sentence, story: run.story })
  }
  return { states: seen.size, transitions, ends, broken }
}

/** One sequence of steps. */
class Run {
  readonly world: SearchWorld
  readonly story: string[] = []
  readonly broken = new Set<string>()
  readonly #promised: readonly Invariant[]

  constructor(setting: Setting, bounds: Bounds, promised: readonly Invariant[]) {
    this.#promised = promised
    this.world = new SearchWorld(setting, bounds)
    this.world.onOutcome = (told) => {
      const { message, outcome } = told
      this.story.push(
        `${message.name} is answered: ${outcome.kind}${'reason' in outcome ? ` (${outcome.reason})` : ''}`,
      )
      for (const { sentence, holdsAt } of promised) {
        if (holdsAt !== undefined && !holdsAt(this.world, told)) this.broken.add(sentence)
      }
    }
  }

  async take(choice: number, steps: readonly Step[] = this.world.steps()): Promise<void> {
    const step = steps[choice]
    if (step === undefined)
      throw new RangeError('the same steps led to another state: something in it is not of this world')
    this.story.push(step.what)
    step.happen()
    await turn()
    this.#judge()
  }

  /** All workers are gone, and every message is delivered once more. */
  async end(): Promise<void> {
    for (const message of this.world.messages) {
      if (message.final !== undefined) continue
      this.world.startCalm()
      this.world.deliver(message)
      await turn()
      for (let steps = this.world.steps(); steps.length > 0; steps = this.world.steps()) await this.take(0, steps)
    }
    this.world.isCalm = true
    this.#judge()
  }

  #judge(): void {
    for (const { sentence, holds } of this.#promised)
      if (holds !== undefined && !holds(this.world)) this.broken.add(sentence)
  }
}

async function choicesOf(run: Run, after: readonly string[]): Promise<readonly number[]> {
  const choices: number[] = []
  for (const what of after) {
    const choice = run.world.steps().findIndex((step) => step.what === what)
    if (choice < 0) throw new RangeError(`"${what}" cannot happen after: ${run.story.join('; ')}`)
    choices.push(choice)
    await run.take(choice)
  }
  return choices
}

/** Until every worker waits for an answer. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
