import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { parseLogFilter } from '../../../scripts/emulators/logging/index.ts'
import { MODULE, readModule } from '../hcl.ts'
import { everyLine } from './every-line.ts'
import { readMonitoring } from './monitoring.ts'

const RUNBOOKS = join(MODULE, 'runbooks')
const { alerts, metrics } = readMonitoring()
const inUse = [...new Set(Object.values(alerts).map(({ runbook }) => runbook))]
const read = (file: string) => readFileSync(join(RUNBOOKS, file), 'utf8')
const [, unalerted = ''] = read('README.md').match(/\n## Without an alert\n([\s\S]+?)\n## /) ?? []
const told = [...unalerted.matchAll(/\]\(([\w-]+\.md)\)/g)].map(([, file = '']) => file)

it.each([...inUse, ...told])(
  '%s says what is broken for whom, then what to type, then what to do, and is listed',
  (file) => {
    expect(existsSync(join(RUNBOOKS, file))).toBe(true)
    expect(read(file)).toMatch(
      /^# .+\n\n\*\*Broken for:\*\* [^\n]+\n(?:[^\n]+\n)*\n\*\*Type first:\*\* `[\s\S]+\n## Do\n/,
    )
    expect(read('README.md')).toContain(`](${file})`)
  },
)

it('has no runbook that neither an alert nor a person leads to', () => {
  const files = readdirSync(RUNBOOKS).filter((file) => file !== 'README.md')
  expect(told).toHaveLength(2)
  expect(files).toEqual([...inUse, ...told].sort())
})

it('leads from one runbook to another that exists', () => {
  for (const file of readdirSync(RUNBOOKS)) {
    for (const [, target = ''] of read(file).matchAll(/\]\(([\w-]+\.md)\)/g)) {
      expect({ file, target, exists: existsSync(join(RUNBOOKS, target)) }).toEqual({ file, target, exists: true })
    }
  }
})

it('names charts that the dashboard has', async () => {
  const titles = (await charts()).map(({ title }) => title)
  for (const file of inUse) {
    for (const [, line = ''] of read(file).matchAll(/Dashboard[^:]*: ([^\n]+)/g)) {
      for (const [, named = ''] of line.matchAll(/\*([^*]+)\*/g)) {
        expect({ file, named, found: titles.some((title) => title.startsWith(named)) }).toMatchObject({ found: true })
      }
    }
  }
})

it('looks in the log for lines that are really written', async () => {
  const lines = await everyLine()
  let filters = 0
  for (const file of inUse) {
    const text = read(file).replaceAll('FUNCTION', 'track')
    const typed = [...text.matchAll(/gcloud logging read '([^']+)'/g)]
    const named = [...text.matchAll(/`((?:jsonPayload|severity)\.?\w*(?:=|>=)[^`]+)`/g)]
    for (const [, filter = ''] of [...typed, ...named]) {
      filters += 1
      expect({ file, filter, found: lines.some(parseLogFilter(filter)) }).toEqual({ file, filter, found: true })
    }
  }
  expect(filters).toBeGreaterThan(9)
})

it('tells series apart by labels that their metrics have', async () => {
  const uses = [
    ...(await charts()).map(({ filter, group_by }) => ({
      type: filter.replace(/^.*local\.metric_types\.(\w+).*$/, 'logging.googleapis.com/user/customerio/$1'),
      fields: [...group_by, ...(filter.match(/metric\.labels\.\w+/g) ?? [])],
    })),
    ...Object.values(alerts)
      .flatMap(({ conditions }) => Object.values(conditions))
      .flatMap(({ threshold }) => (threshold?.aggregation === undefined ? [] : [threshold]))
      .map(({ filter, aggregation }) => ({
        type: filter.match(/metric\.type="([^"]+)"/)?.[1] ?? '',
        fields: [...(aggregation?.group_by ?? []), ...(filter.match(/metric\.labels\.\w+/g) ?? [])],
      })),
  ].filter(({ type }) => type.startsWith('logging.googleapis.com/user/'))
  expect(uses.length).toBeGreaterThan(30)
  for (const { type, fields } of uses) {
    const own = fields.flatMap((field) => field.match(/^metric\.labels?\.(\w+)$/)?.[1] ?? [])
    const known = Object.keys(metrics[type]?.labels ?? {})
    expect({ type, own, known }).toEqual({ type, own, known: expect.arrayContaining(own) })
  }
})

async function charts() {
  const { locals } = await readModule(MODULE)
  return z
    .array(z.looseObject({ title: z.string(), filter: z.string(), group_by: z.array(z.string()) }))
    .parse([locals.charts, locals.probe_charts].flat())
}
