import { describeVerdict } from '../history/check.ts'
import { type HourOptions, simulateHour } from './hour.ts'

/** What happens in an hour, line by line with the time of each, and which promises it breaks. */
export async function storyOf(options: HourOptions): Promise<string> {
  const { ops, faults, lines, verdict } = await simulateHour({ ...options, tells: true })
  return [
    `Publishes: ${ops.join(', ')}`,
    `Faults: ${faults.length === 0 ? 'none' : ''}`,
    ...faults.map((fault) => `  ${fault}`),
    'What happens:',
    ...lines.map((line) => `  ${timed(line)}`),
    describeVerdict(verdict),
  ].join('\n')
}

/** `61500 m1 …` as `01:01.500 m1 …`. */
function timed(line: string): string {
  const space = line.indexOf(' ')
  const ms = Number(line.slice(0, space))
  const two = (number: number) => String(number).padStart(2, '0')
  const time = `${two(Math.floor(ms / 60_000))}:${two(Math.floor(ms / 1_000) % 60)}.${String(ms % 1_000).padStart(3, '0')}`
  return `${time}${line.slice(space).trimEnd()}`
}
