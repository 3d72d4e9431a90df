import { amountOf, figures, targetOf } from './chart.ts'
import type { Modelled } from './modelled.ts'
import type { StoredResult } from './results.ts'

/** The part of the README that is written by `npm run bench`, never by hand. */
export const BEGIN = '<!-- results: written by `npm run bench` -->'
export const END = '<!-- end of results -->'

/** Puts the generated part in its place. Throws when the place is not marked. */
export function withReport(readme: string, report: string): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`the README has no place for the results: ${BEGIN} … ${END}`)
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${report.trim()}\n\n${readme.slice(end)}`
}

/** Every figure with its target, the machine, and the model. Pure. */
export function reportOf(results: readonly StoredResult[], modelled: Modelled | undefined): string {
  const lines = [
    '| figure | against | target | measured | rounds (least – most) | in numbers |',
    '|---|---|---|---|---|---|',
    ...results.flatMap(({ rows, disturbed }) =>
      rows.map((row) => {
        const { least, most, rounds } = row.value
        const mark = row.target === 'none' ? '' : row.met ? ' ✓' : ' ✗'
        const spread = `${rounds} (${figures(least)} – ${figures(most)})${disturbed ? ', disturbed' : ''}`
        return `| ${row.figure} | ${row.against} | ${targetOf(row)} | **${amountOf(row)}**${mark} | ${spread} | ${row.inNumbers} |`
      }),
    ),
    '',
    ...machines(results),
  ]
  return [...lines, ...(modelled === undefined ? [] : ['', ...modelLines(modelled)])].join('\n')
}

/** One sentence per machine: which figure was measured there, when, and of which commit. */
function machines(results: readonly StoredResult[]): string[] {
  if (results.length === 0) return []
  const byMachine = Object.entries(Object.groupBy(results, ({ machine }) => wordsFor(machine)))
  const rejected = results.reduce((sum, each) => sum + each.rejected.length, 0)
  const ofRounds = rejected === 0 ? 'No round was rejected.' : `${rejected} rounds were rejected as disturbed.`
  return [...byMachine.map(([words, there = []]) => `Measured on ${words}: ${timesOf(there)}.`), ofRounds]
}

function wordsFor({ cores, cpu, memoryGiB, kernel, node, versions }: StoredResult['machine']): string {
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `${cores} cores of ${cpu}, ${memoryGiB} GiB, Linux ${kernel}, Node ${node}; ${packages.join(', ')}`
}

function timesOf(results: readonly StoredResult[]): string {
  const when = ({ measuredAt, machine }: StoredResult) => `${measuredAt.slice(0, 10)} at ${machine.commit}`
  const groups = Object.entries(Object.groupBy(results, when))
  return groups.map(([words, those = []]) => `${those.map(({ name }) => name).join(', ')} on ${words}`).join('; ')
}

function modelLines({ input, checks, days, first }: Modelled): string[] {
  const { assumptions, cpu } = input
  const percent = (share: number) => `${figures(share * 100)} %`
  const count = (value: number) => Math.round(value).toLocaleString('en-US')
  return [
    '### What a day costs',
    '',
    '| messages per day | instances at the peak | Customer.io requests per day | messages per request | $ per month | $ per million | nearest limit, used at the peak |',
    '|---|---|---|---|---|---|---|',
    ...days.map(
      (day) =>
        `| ${count(day.messagesPerDay)} | ${day.instancesAtPeak} | ${count(day.requestsPerDay)} | ${figures(day.messagesPerRequest)} | ` +
        `${figures(day.dollarsPerMonth)} | ${figures(day.dollarsPerMillion)} | ${day.nearestLimit}: ${percent(day.usedOfLimit)} |`,
    ),
    '',
    `The first limit is ${first.limit}, at ${figures(first.messagesPerDay / 1e6)} million messages per day. ` +
      `A message takes ${count(cpu.perMessageMicroseconds)} µs of CPU and a request ${count(cpu.perRequestMicroseconds)} µs; the peak is taken ` +
      `for ${assumptions.peakFactor} times the mean, ${percent(assumptions.mix.transactional)} of the messages for sends, and an instance for full at ` +
      `${percent(assumptions.utilization)} of its core. The cost is that of the [cost model](../../terraform/cost/README.md) with the values of prod and one webhook per message.`,
    '',
    `The model against what was measured (predicted / measured): ${checks
      .map(
        (each) =>
          `${each.concurrentPushes} concurrent pushes: requests ${figures(each.requests)}, CPU ${figures(each.cpu)}`,
      )
      .join('; ')}.`,
  ]
}
