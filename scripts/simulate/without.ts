import { Choices } from './choices.ts'
import { type Hour, type HourOptions, simulateHour } from './hour.ts'
import { SAFEGUARDS, type Sabotage, type Safeguard } from './safeguards.ts'
import { weatherOf } from './weather.ts'

/** An hour that shows what a safeguard is good for. */
export interface Found {
  readonly options: HourOptions
  readonly hour: Hour
  /** Which of the seed it is. */
  readonly index: number
  /** How many hours were run for it. */
  readonly hours: number
}

/**
 * Runs the hours of a seed without a safeguard until one breaks a promise that holds with it; undefined when none of so many
 * does. Hours that cannot show it are left out.
 */
export async function findWithout(without: Safeguard, seed: string, mostHours: number): Promise<Found | undefined> {
  const { part, isShownIn = () => true }: Sabotage = SAFEGUARDS[without]
  for (let index = 0, hours = 0; hours < mostHours; index++) {
    const name = `${seed}/${index}`
    if (!isShownIn(weatherOf(new Choices(name)))) continue
    hours++
    const hour = await simulateHour({ seed: name, part, without })
    if (hour.verdict.violations.length === 0) continue
    const { verdict } = await simulateHour({ seed: name, part })
    if (verdict.violations.length === 0) return { options: { seed: name, part, without }, hour, index, hours }
  }
  return undefined
}
