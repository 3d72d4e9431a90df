/**
 * The recordings that README.md gives the hashes of. Another machine has to come to the same.
 *
 *   npm run recordings              records them again, and renews the table
 *   npm run recordings -- --check   writes nothing; exits 1 when a hash is another one than README.md says
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkOption } from '../check/check-option.ts'
import { type Hour, PARTS, simulateHour } from './hour.ts'
import { type Recording, Tape } from './tape.ts'

const README = join(import.meta.dirname, 'README.md')
const BEGIN = '<!-- recordings: written by `npm run recordings` -->'
const END = '<!-- end of recordings -->'

/** After how many hours of each seed the tape is looked at, in ascending order. */
const RECORDED: Readonly<Record<number, readonly number[]>> = { 1: [4, 300], 2: [4, 300], 3: [4, 100] }

/** Throws when an hour breaks a promise. */
async function record(): Promise<readonly Recording[]> {
  const recordings: Recording[] = []
  for (const [seed, stops] of Object.entries(RECORDED)) {
    const tape = new Tape(Number(seed))
    for (const hours of stops) {
      while (tape.hours < hours) {
        const parts: Hour[] = []
        for (const part of PARTS) parts.push(await simulateHour({ seed: `${seed}/${tape.hours}`, part }))
        if (parts.some(({ verdict }) => verdict.violations.length > 0)) throw new BrokenPromise(seed, tape.hours)
        tape.add(parts)
      }
      recordings.push(tape.recording())
      console.log(`seed ${seed}, ${hours} hours: ${tape.recording().hash}`)
    }
  }
  return recordings
}

class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise'

  constructor(seed: string, hour: number) {
    super(
      `hour ${hour} of seed ${seed} breaks a promise. What it was: npm run simulate -- --seed ${seed} --first ${hour} --hours 1`,
    )
  }
}

const rowOf = ({ seed, hours, messages, faults, hash }: Recording) =>
  `| ${seed} | ${hours} | ${messages} | ${faults} | \`${hash}\` |`

/** The README with its table renewed. Throws when it lacks the marks between which it stands. */
export function withRecordings(readme: string, recordings: readonly Recording[]): string {
  const begin = readme.indexOf(BEGIN)
  const end = readme.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`scripts/simulate/README.md lacks the lines "${BEGIN}" and "${END}"`)
  const table = [
    '| `--seed` | `--hours` | messages and webhooks | faults | hash |',
    '|---|---|---|---|---|',
    ...recordings.map(rowOf),
  ]
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${table.join('\n')}\n\n${readme.slice(end)}`
}

/** The recordings that the README does not tell as they are. */
export function unlike(readme: string, recordings: readonly Recording[]): readonly Recording[] {
  return recordings.filter((recording) => !readme.includes(rowOf(recording)))
}

async function main(check: boolean): Promise<void> {
  const recordings = await record()
  const readme = readFileSync(README, 'utf8')
  const differing = unlike(readme, recordings)
  if (!check) {
    writeFileSync(README, withRecordings(readme, recordings))
    console.log(
      `written: scripts/simulate/README.md, ${differing.length} of ${recordings.length} recordings have changed`,
    )
    return
  }
  if (differing.length === 0) {
    console.log('scripts/simulate/README.md has the same hashes')
    return
  }
  for (const { seed, hours } of differing)
    console.error(`seed ${seed}, ${hours} hours: scripts/simulate/README.md has another hash`)
  console.error(
    'A change of the product or of the simulation changes them: run `npm run recordings`, and commit README.md with it.\n' +
      'Where nothing has changed, something of this machine takes part in the simulation, and a seed is no recording any more.',
  )
  process.exitCode = 1
}

if (process.argv[1] === import.meta.filename) {
  const usage =
    'npm run recordings [-- --check]\n\nRecords hours and writes their hashes into README.md; with --check only compares.'
  const check = checkOption(process.argv.slice(2), usage)
  if (check !== undefined) {
    await main(check).catch((error: unknown) => {
      if (!(error instanceof BrokenPromise)) throw error
      console.error(error.message)
      process.exitCode = 1
    })
  }
}
