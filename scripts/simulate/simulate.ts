import { createHash } from 'node:crypto'
import { argv, exit } from 'node:process'
import { parseArgs } from 'node:util'
import { describeVerdict } from '../history/check.ts'
import { simulateHour } from './hour.ts'
import { shrink } from './shrink.ts'
import { storyOf } from './story.ts'

const USAGE = `npm run simulate -- [--seed N] [--hours H] [--first K] [--minutes M] [--tell]

Runs the pipeline in one process under virtual time, and checks what every party has seen.
  --seed N     what decides everything (default 1): the same seed gives the same recording
  --hours H    how many simulated hours (default 100), each with messages, faults and operators of its own
  --first K    the first of them (default 0): --first K --hours 1 repeats one
  --minutes M  ends after so many minutes of the machine's time, whatever is left
  --tell       prints what happens

Prints the speed, and last the hash of everything that happened. If a promise is broken, it looks for the shortest schedule that
breaks it, tells it, and exits with 1.`

await main(argv.slice(2))

async function main(args: string[]): Promise<void> {
  const options = readOptions(args)
  const startedMs = performance.now()
  const isOver = () => performance.now() - startedMs > options.minutes * 60_000
  const hash = createHash('sha256')
  let messages = 0
  let faults = 0
  let hours = 0
  for (; hours < options.hours && !isOver(); hours++) {
    const seed = `${options.seed}/${options.first + hours}`
    const hour = await simulateHour({ seed })
    if (options.tells) console.log(await storyOf({ seed }))
    if (hour.verdict.violations.length > 0) {
      console.log(
        `hour ${options.first + hours} of seed ${options.seed} breaks a promise\n${describeVerdict(hour.verdict)}`,
      )
      const { options: shortest, runs } = await shrink({ seed }, hour)
      console.log(`\nThe shortest schedule that does, found in ${runs} runs:\n${await storyOf(shortest)}`)
      console.log(
        `\nTo repeat the hour: npm run simulate -- --seed ${options.seed} --first ${options.first + hours} --hours 1`,
      )
      exit(1)
    }
    hash.update(hour.hash)
    messages += hour.ops.length
    faults += hour.faults.length
  }
  const seconds = (performance.now() - startedMs) / 1_000
  console.log(`${hours} simulated hours, ${messages} messages, ${faults} faults: nothing lost, nothing twice`)
  console.log(
    `${(hours / seconds).toFixed(2)} simulated hours per second: ${Math.round((hours / seconds) * 28_800)} in eight hours on one core`,
  )
  console.log(`hash ${hash.digest('hex')}`)
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
    tells: values.tell,
  }
}
