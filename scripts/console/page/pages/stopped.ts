import { signal } from '@preact/signals'
import { html } from 'htm/preact'
import { useEffect } from 'preact/hooks'
import type { Cancellation, PausedSubscription, Stopped as State } from '../../areas/stopped/stopped.ts'
import { get } from '../client.ts'
import { facts } from '../facts.ts'
import { age, dateAndTime } from '../parts/time.ts'

const state = signal<State | undefined>(undefined)
const problem = signal<string | undefined>(undefined)

async function load(): Promise<void> {
  try {
    state.value = await get<State>('/api/stopped')
    problem.value = undefined
  } catch (error) {
    problem.value = error instanceof Error ? error.message : String(error)
  }
}

/** What operators have stopped: by whom, since when, why, and when it ends. */
export function Stopped() {
  useEffect(() => void load(), [])
  const shown = state.value
  return html`
    <div class="row">
      <h1>Stopped</h1>
      <span class="error" role="alert">${problem.value}</span>
      <span class="grow"></span>
      <button onClick=${load}>Read again</button>
    </div>
    ${shown !== undefined && html`<${Paused} paused=${shown.paused} nowMs=${shown.nowMs} /><${Cancelled} cancellations=${shown.cancellations} nowMs=${shown.nowMs} />`}
  `
}

function Paused({ paused, nowMs }: { paused: readonly PausedSubscription[]; nowMs: number }) {
  return html`
    <section class="card" aria-labelledby="paused">
      <h2 id="paused">Paused subscriptions</h2>
      ${
        paused.length === 0
          ? html`<p class="quiet">Every subscription delivers. To pause one: <code>cio-gcp pause track --why "…" ${facts.flags}</code></p>`
          : html`
            <table>
              <thead><tr>${['Subscription', 'Since', 'By', 'Why', 'Keeps messages', 'To resume'].map((title) => html`<th scope="col">${title}</th>`)}</tr></thead>
              <tbody>
                ${paused.map(
                  ({ subscription, sinceMs, by, why, keptUntilMs }) => html`
                    <tr key=${subscription}>
                      <td>${subscription}</td>
                      <td class="mono">${dateAndTime(sinceMs)} (${age(nowMs - sinceMs)})</td>
                      <td>${by}</td>
                      <td>${why}</td>
                      <td>${keptUntilMs > nowMs ? html`the first for ${age(keptUntilMs - nowMs)}` : html`<span class="bad">■ the first are gone</span>`}</td>
                      <td><code>cio-gcp resume ${subscription} ${facts.flags}</code></td>
                    </tr>
                  `,
                )}
              </tbody>
            </table>
          `
      }
    </section>
  `
}

function Cancelled({ cancellations, nowMs }: { cancellations: readonly Cancellation[]; nowMs: number }) {
  return html`
    <section class="card" aria-labelledby="cancelled">
      <h2 id="cancelled">Cancellations in force</h2>
      ${
        cancellations.length === 0
          ? html`<p class="quiet">Nothing is cancelled. To cancel what waits: <code>cio-gcp cancel --where template=3 --why "…" --dry-run ${facts.flags}</code></p>`
          : html`
            <table>
              <thead><tr>${['Where', 'Published before', 'By', 'Why', 'Ends in', 'To lift'].map((title) => html`<th scope="col">${title}</th>`)}</tr></thead>
              <tbody>
                ${cancellations.map(
                  ({ id, where, beforeMs, by, why, untilMs }) => html`
                    <tr key=${id}>
                      <td>${where}</td>
                      <td class="mono">${dateAndTime(beforeMs)}</td>
                      <td>${by}</td>
                      <td>${why}</td>
                      <td>${age(untilMs - nowMs)}</td>
                      <td><code>cio-gcp cancellations lift ${id} ${facts.flags}</code></td>
                    </tr>
                  `,
                )}
              </tbody>
            </table>
          `
      }
    </section>
  `
}
