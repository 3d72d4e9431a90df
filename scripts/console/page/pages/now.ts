import { html } from 'htm/preact'
import { useEffect } from 'preact/hooks'
import type { MessageRow } from '../../areas/messages/row.ts'
import type { Backlog } from '../../areas/now/now.ts'
import { Chart } from '../now/chart.ts'
import { Diagram } from '../now/diagram.ts'
import { breakCustomerIo, flows, follow, mendCustomerIo, now, problem, publishSample, said } from '../now/state.ts'
import { Outcome } from '../parts/outcome.ts'
import { age, timeOfDay } from '../parts/time.ts'
import { href } from '../router.ts'
import '../now/now.css'

/** The whole pipeline at this moment. */
export function Now() {
  useEffect(follow, [])
  const state = now.value
  const broken = state?.brokenUntilMs
  return html`
    <div class="row">
      <h1>Now</h1>
      <span role="status" class="quiet">${said.value}</span>
      <span class="error" role="alert">${problem.value}</span>
      <span class="grow"></span>
      <button class="primary" onClick=${publishSample}>Publish a sample</button>
      ${
        broken === undefined
          ? html`<button onClick=${breakCustomerIo}>Break Customer.io for a minute</button>`
          : html`<button class="danger" onClick=${mendCustomerIo}>Restore Customer.io</button>`
      }
    </div>
    ${state !== undefined && html`<${Faults} faults=${state.faults} leftMs=${broken === undefined ? undefined : broken - state.nowMs} />`}
    <section class="card" aria-labelledby="pipeline">
      <h2 id="pipeline">Pipeline</h2>
      <${Diagram} flows=${flows.value} backlogs=${state?.backlogs ?? []} />
      <details>
        <summary>Subscriptions as a table</summary>
        <${Subscriptions} backlogs=${state?.backlogs ?? []} />
      </details>
    </section>
    <div class="now-columns">
      <section class="card" aria-labelledby="rates">
        <h2 id="rates">Per second</h2>
        <${Chart} seconds=${state?.rates ?? []} />
      </section>
      <section class="card" aria-labelledby="failures">
        <h2 id="failures">Last failures</h2>
        <${Failures} failures=${state?.failures ?? []} />
      </section>
    </div>
  `
}

function Faults({ faults, leftMs }: { faults: readonly string[]; leftMs: number | undefined }) {
  if (faults.length === 0) return null
  return html`
    <section class="card broken" aria-labelledby="faults">
      <h2 id="faults">Active faults</h2>
      ${faults.map((fault) => html`<p><span class="bad" aria-hidden="true">■ </span>Customer.io: ${fault}</p>`)}
      ${leftMs !== undefined && html`<p class="quiet">Ends in ${age(Math.max(0, leftMs))}. What is published meanwhile waits and is delivered afterwards; a send that met the fault may have happened, and is uncertain.</p>`}
    </section>
  `
}

function Failures({ failures }: { failures: readonly MessageRow[] }) {
  if (failures.length === 0) return html`<p class="quiet">Nothing has failed.</p>`
  return html`
    <table>
      <thead><tr><th scope="col">Published</th><th scope="col">Message</th><th scope="col">Outcome</th></tr></thead>
      <tbody>
        ${failures.map(
          ({ id, publishedAtMs, topic, what, outcome, reason }) => html`
            <tr key=${id}>
              <td class="mono">${timeOfDay(publishedAtMs)}</td>
              <td><a href=${href(['messages', id])}>${topic}: ${what}</a></td>
              <td><${Outcome} outcome=${outcome} reason=${reason} /></td>
            </tr>
          `,
        )}
      </tbody>
    </table>
    <p><a href=${href(['messages'], { filter: 'outcome:refused outcome:exhausted outcome:uncertain outcome:retry' })}>All of them</a></p>
  `
}

function Subscriptions({ backlogs }: { backlogs: readonly Backlog[] }) {
  return html`
    <table>
      <thead>
        <tr>
          <th scope="col">Subscription</th><th scope="col" class="number">Unacknowledged</th><th scope="col" class="number">In back-off</th><th scope="col" class="number">Oldest</th><th scope="col" class="number">Deliveries</th>
        </tr>
      </thead>
      <tbody>
        ${backlogs.map(
          ({ subscription, outstanding, waiting, oldestMs, deliveries }) => html`
            <tr key=${subscription}>
              <th scope="row">${subscription}</th>
              <td class="number">${outstanding}</td>
              <td class="number">${waiting}</td>
              <td class="number">${oldestMs === undefined ? '' : age(oldestMs)}</td>
              <td class="number">${deliveries}</td>
            </tr>
          `,
        )}
      </tbody>
    </table>
  `
}
