/**
 * Writes what the pipeline costs into terraform/cost/README.md, from the model.
 *
 *   npm run cost              renews the tables
 *   npm run cost -- --check   writes nothing; exits 1 when the tables are not current
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PROJECT_ROOT, readTopology, type Topology } from '../topology/topology.ts'
import { type CostModel, type CostOptions, costOf, OUTCOMES, readCostModel, readProd, sum } from './cost.ts'

export const README = join(PROJECT_ROOT, 'terraform/cost/README.md')

const BEGIN = '<!-- cost: written by `npm run cost` -->'
const END = '<!-- end of cost -->'

const DAYS = [1e6, 1e7, 1e8]
/** Parts of a day's messages. */
const MIX = { identify: 0.35, track: 0.6, transactional: 0.05 }

/** The README's text with the part between the marks renewed. Throws when the marks are missing. Pure. */
export function withCost(readme: string, model: CostModel, topology: Topology): string {
  const begin = readme.indexOf(BEGIN)
  const end = readme.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`README.md lacks the lines "${BEGIN}" and "${END}"`)
  const text = tables(model, topology)
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${text}\n\n${readme.slice(end)}`
}

function tables(model: CostModel, topology: Topology): string {
  const { functions, options: prod } = readProd(topology)
  const everyLine = { ...prod, request_log_share: 1 }
  const cost = (messagesPerDay: number, options: CostOptions) => {
    const month = messagesPerDay * 30
    const webhooks = month * model.webhooks_per_message
    const sent = Object.fromEntries(Object.entries(MIX).map(([name, share]) => [name, month * share]))
    const messagesPerMonth = { ...sent, webhook: webhooks, warehouse: webhooks }
    return costOf(model, { functions, messagesPerMonth, environment: model.environment, options })
  }
  const columns = [
    ...DAYS.map((day) => ({ title: `${day / 1e6} million`, usd: cost(day, prod) })),
    { title: '100 million, every request line kept', usd: cost(1e8, everyLine) },
  ]
  const items = Object.keys(model.lines).sort((a, b) => (columns[2]?.usd[b] ?? 0) - (columns[2]?.usd[a] ?? 0))
  const total = ({ usd }: (typeof columns)[number]) => sum(Object.values(usd))
  const choices = OUTCOMES.map((outcomes) => {
    const usd = cost(1e8, { ...prod, outcomes })
    return [outcomes, dollars(usd.outcomes ?? 0), dollars(sum(Object.values(usd)))]
  })
  return [
    table(
      ['item', ...columns.map(({ title }) => title)],
      [
        ...items.map((item) => [item, ...columns.map(({ usd }) => dollars(usd[item] ?? 0))]),
        ['**all**', ...columns.map((column) => `**${dollars(total(column))}**`)],
        ['per million messages', ...columns.map((column, at) => dollars(total(column) / ((DAYS[at] ?? 1e8) * 30e-6)))],
      ],
    ),
    table(['`outcomes` at 100 million', 'item', 'all'], choices),
  ].join('\n\n')
}

function dollars(usd: number): string {
  return usd < 10 ? usd.toFixed(2) : Math.round(usd).toLocaleString('en-US')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), `|---|${'---:|'.repeat(head.length - 1)}`, ...rows.map(line)].join('\n')
}

if (process.argv[1] === import.meta.filename) {
  const before = readFileSync(README, 'utf8')
  const after = withCost(before, readCostModel(), readTopology())
  if (!process.argv.includes('--check')) writeFileSync(README, after)
  else if (after !== before) {
    console.error('terraform/cost/README.md is not current: run `npm run cost`')
    process.exitCode = 1
  }
}
