import { html } from 'htm/preact'
import type { ReceivedMessage } from '../../areas/inbox/inbox.ts'
import { timeOfDay } from '../parts/time.ts'
import { answers } from './list.ts'

interface Step {
  readonly metric: string
  readonly atMs: number | undefined
  readonly state: string
  readonly tone: string
}

/** What Customer.io reported of a message, and how far the webhook of each report has come: at last it is a row. */
export function CameBack({ message }: { message: ReceivedMessage }) {
  const steps = stepsOf(message, answers.value)
  if (steps.length === 0) return ''
  return html`
    <table class="came-back" aria-label="What came back">
      <thead><tr><th scope="col">Reported</th><th scope="col">Time</th><th scope="col">Webhook</th></tr></thead>
      <tbody>
        ${steps.map(
          ({ metric, atMs, state, tone }, index) => html`
            <tr key=${`${metric} ${index}`}>
              <th scope="row">${metric}</th>
              <td class="mono">${atMs === undefined ? '' : timeOfDay(atMs)}</td>
              <td class=${tone}>${state}</td>
            </tr>
          `,
        )}
      </tbody>
    </table>
  `
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
