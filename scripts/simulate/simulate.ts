import process, { argv, cpuUsage, exit } from 'node:process'
import { parseArgs } from 'node:util'
import { describeVerdict } from '../history/check.ts'
import { type Hour, type HourOptions, PARTS, simulateHour } from './hour.ts'
import { isSafeguard, SAFEGUARDS, type Safeguard } from './safeguards.ts'
import { shrink } from './shrink.ts'
import { storyOf } from './story.ts'
import { Tape } from './tape.ts'
import { findWithout } from './without.ts'

const USAGE = `npm run simulate -- [--seed N] [--hours H] [--first K] [--minutes M] [--tell]
npm run simulate -- --without SAFEGUARD|all [--seed N] [--hours H]

Runs the pipeline in one process under virtual time, and checks what every party has seen.
  --seed N     what decides everything (default 1): the same seed gives the same recording
  --hours H    how many simulated hours (default 100), each with messages, faults and operators of its own
  --first K    the first of them (default 0): --first K --hours 1 repeats one
  --minutes M  ends after so many minutes of the machine's time, whatever is left
  --without X  takes a safeguard out of the product, and exits with 1 unless that is found within the hours. Safeguards:
               ${Object.keys(SAFEGUARDS).join(', ')}
  --tell       prints what happens

Prints the speed, and last the hash of everything that happened. If a promise is broken, it looks for the shortest schedule that
breaks it, tells it, and exits with 1.`

await main(argv.slice(2))

async function main(args: string[]): Promise<void> {
  const options = readOptions(args)
  if (options.without !== undefined) {
    if (!(await allFound(options.without, options))) process.exitCode = 1
    return
  }
  const startedMs = performance.now()
  const isOver = () => performance.now() - startedMs > options.minutes * 60_000
  const tape = new Tape(options.seed)
  while (tape.hours < options.hours && !isOver()) {
    const index = options.first + tape.hours
    const seed = `${options.seed}/${index}`
    const parts: Hour[] = []
    for (const part of PARTS) {
      const hour = await simulateHour({ seed, part })
      if (options.tells) console.log(await storyOf({ seed, part }))
      if (hour.verdict.violations.length > 0) {
        await tellFailure({ seed, part }, hour)
        console.log(`\nTo repeat the hour: npm run simulate -- --seed ${options.seed} --first ${index} --hours 1`)
        // Not at once: what is printed may still be on its way through a pipe.
        process.exitCode = 1
        return
      }
      parts.push(hour)
    }
    tape.add(parts)
  }
  const { hours, messages, faults, hash } = tape.recording()
  const { user, system } = cpuUsage()
  const perSecond = (hours * 1_000_000) / (user + system)
  console.log(
    `${hours} simulated hours, ${messages} messages and webhooks, ${faults} faults: nothing lost, nothing twice`,
  )
  console.log(
    `${perSecond.toFixed(2)} simulated hours per second of one core: ${Math.round(perSecond * 57_600)} in a night of eight hours on two`,
  )
  console.log(`hash ${hash}`)
}

async function tellFailure(options: HourOptions, hour: Hour): Promise<void> {
  console.log(`${options.part} of hour ${options.seed}: a promise is broken\n${describeVerdict(hour.verdict)}`)
  const { options: shortest, runs } = await shrink(options, hour)
  console.log(`\nThe shortest schedule that does, found in ${runs} runs:\n${await storyOf(shortest)}`)
}

async function allFound(
  safeguards: readonly Safeguard[],
  { seed, hours }: { readonly seed: number; readonly hours: number },
): Promise<boolean> {
  const missed: Safeguard[] = []
  for (const safeguard of safeguards) {
    const found = await findWithout(safeguard, String(seed), hours)
    if (found === undefined) missed.push(safeguard)
    const [violation] = found?.hour.verdict.violations ?? []
    const what = violation === undefined ? '' : `${violation.rule}: ${violation.subject}: ${violation.text}`
    console.log(
      `without ${safeguard}: ${found === undefined ? `not found in ${hours} hours` : `${found.hours} hours, the last is ${found.index}: ${what}`}`,
    )
    if (found === undefined || safeguards.length > 1) continue
    const { options, runs } = await shrink(found.options, found.hour)
    console.log(`\nThe shortest schedule that shows it, found in ${runs} runs:\n${await storyOf(options)}`)
  }
  return missed.length === 0
}

function safeguardsOf(name: string): readonly Safeguard[] {
  if (name === 'all') return Object.keys(SAFEGUARDS).filter(isSafeguard)
  if (isSafeguard(name)) return [name]
  console.error(`there is no safeguard ${name}: ${Object.keys(SAFEGUARDS).join(', ')}`)
  exit(2)
}

function readOptions(args: string[]) {
  const number = (name: string, text: string, least: number): number => {
    const value = Number(text)
    if (Number.isFinite(value) && value >= least) return value
    console.error(`--${name} must be a number from ${least}, not ${text}\n\n${USAGE}`)
    exit(2)
  }
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: 'string', default: '1' },
      hours: { type: 'string', default: '100' },
      first: { type: 'string', default: '0' },
      minutes: { type: 'string', default: 'Infinity' },
      without: { type: 'string' },
      tell: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(USAGE)
    exit(0)
  }
  return {
    seed: number('seed', values.seed, 0),
    hours: number('hours', values.hours, 1),
    first: number('first', values.first, 0),
    minutes: values.minutes === 'Infinity' ? Number.POSITIVE_INFINITY : number('minutes', values.minutes, 0.01),
    without: values.without === undefined ? undefined : safeguardsOf(values.without),
    tells: values.tell,
  }
}
