import type { ReceivedMessage } from '../../areas/inbox/inbox.ts'

/** One report of Customer.io about a message. */
export interface Step {
  readonly metric: string
  readonly atMs: number | undefined
  readonly state: string
  readonly tone: string
}

/** Those that are rows, then those on their way. Pure. */
export function stepsOf(
  { id, reported, stored }: Pick<ReceivedMessage, 'id' | 'reported' | 'stored'>,
  answered: ReadonlyMap<string, number>,
): readonly Step[] {
  const left = new Map<string, number>()
  for (const { metric } of stored) left.set(metric, (left.get(metric) ?? 0) + 1)
  const onTheirWay = reported.filter((metric) => {
    const rows = left.get(metric) ?? 0
    left.set(metric, rows - 1)
    return rows <= 0
  })
  return [
    ...stored.map(({ metric, atMs }) => ({ metric, atMs, state: '✓ a row in BigQuery', tone: 'good' })),
    ...onTheirWay.map((metric) => ({ metric, atMs: undefined, ...wayOf(answered.get(`${id} ${metric}`)) })),
  ]
}

function wayOf(status: number | undefined): Pick<Step, 'state' | 'tone'> {
  if (status === undefined) return { state: '○ on its way', tone: 'quiet' }
  if (status >= 200 && status < 300) return { state: `↻ answered ${status}, on its way to BigQuery`, tone: 'busy' }
  return {
    state: status === 0 ? '✕ not answered: it comes again' : `✕ answered ${status}: it comes again`,
    tone: 'bad',
  }
}
