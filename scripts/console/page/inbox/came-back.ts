import { html } from 'htm/preact'
import type { ReceivedMessage } from '../../areas/inbox/inbox.ts'
import { timeOfDay } from '../parts/time.ts'
import { answers } from './list.ts'
import { stepsOf } from './steps.ts'

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
