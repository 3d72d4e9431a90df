import { signal } from '@preact/signals'
import { html } from 'htm/preact'
import { useEffect } from 'preact/hooks'
import type { Backlog } from '../../areas/now.ts'
import { get, live } from '../client.ts'
import { age } from '../parts/time.ts'

const backlog = signal<readonly Backlog[]>([])

/** What runs at this moment. */
export function Now() {
  useEffect(() => {
    const load = () =>
      void get<{ backlog: readonly Backlog[] }>('/api/now').then((now) => (backlog.value = now.backlog))
    load()
    return live<readonly Backlog[]>('now', {
      events: (all) => {
        backlog.value = all.at(-1) ?? []
      },
      lost: load,
    })
  }, [])
  return html`
    <h1>Now</h1>
    <section class="card" aria-labelledby="backlog">
      <h2 id="backlog">Subscriptions</h2>
      <table>
        <thead>
          <tr><th scope="col">Subscription</th><th scope="col" class="number">Waiting</th><th scope="col" class="number">Oldest</th><th scope="col" class="number">Delivered</th></tr>
        </thead>
        <tbody>
          ${backlog.value.map(
            ({ subscription, outstanding, oldestMs, deliveries }) => html`
              <tr key=${subscription}>
                <th scope="row">${subscription}</th>
                <td class="number">${outstanding}</td>
                <td class="number">${oldestMs === undefined ? '' : age(oldestMs)}</td>
                <td class="number">${deliveries}</td>
              </tr>
            `,
          )}
        </tbody>
      </table>
    </section>
  `
}
