import { html } from 'htm/preact'
import { useEffect, useState } from 'preact/hooks'
import type { LedgerView, MessageView, NextDelivery } from '../../areas/message/message.ts'
import { age, timeOfDay } from '../parts/time.ts'
import { clockAheadMs } from './view.ts'

const STATES: Readonly<Record<string, string>> = {
  claimed: 'claimed: a function may be sending it',
  sent: 'sent: Customer.io has it',
  refused: 'refused by Customer.io',
  released: 'released: certainly not sent',
  uncertain: 'uncertain: sent or not, nobody knows',
}

/** Where the message stands: what the send ledger holds, and when it is delivered next. */
export function Standing({ view: { ledger, next, row } }: { view: MessageView }) {
  const isSend = row?.topic === 'transactional'
  return html`
    <section class="card" aria-labelledby="delivery">
      <h2 id="delivery">Delivery</h2>
      ${next === undefined ? html`<p class="quiet">Acknowledged: Pub/Sub delivers it no more.</p>` : html`<${Next} next=${next} />`}
    </section>
    ${
      isSend &&
      html`
      <section class="card" aria-labelledby="ledger">
        <h2 id="ledger">Send ledger</h2>
        ${ledger === undefined ? html`<p class="quiet">No record of its key: nothing was sent under it.</p>` : html`<${Ledger} ledger=${ledger} />`}
      </section>
    `
    }
  `
}

function Next({ next: { subscription, attempt, maxAttempts, atMs } }: { next: NextDelivery }) {
  return html`
    <dl class="facts">
      <dt>Waits in</dt><dd>${subscription}</dd>
      <dt>Next attempt</dt><dd>${attempt}${maxAttempts === undefined ? '' : ` of ${maxAttempts}`}</dd>
      <dt>When</dt><dd>${atMs === undefined ? 'now: it is being delivered' : html`<${Until} atMs=${atMs} over="any moment" />`}</dd>
    </dl>
  `
}

function Ledger({ ledger }: { ledger: LedgerView }) {
  const { state, updatedAtMs, leaseEndsAtMs, settlesAtMs, deliveryId, expiresAtMs } = ledger
  return html`
    <dl class="facts">
      <dt>State</dt><dd>${STATES[state] ?? state}</dd>
      <dt>Since</dt><dd>${timeOfDay(updatedAtMs)}</dd>
      ${leaseEndsAtMs !== undefined && html`<dt>Lease ends</dt><dd><${Until} atMs=${leaseEndsAtMs} over="over" /></dd>`}
      ${settlesAtMs !== undefined && html`<dt>Customer.io is asked</dt><dd><${Until} atMs=${settlesAtMs} over="at the next attempt" /></dd>`}
      ${deliveryId !== undefined && html`<dt>Delivery</dt><dd class="mono">${deliveryId}</dd>`}
      <dt>Remembered until</dt><dd>${new Date(expiresAtMs).toISOString().slice(0, 10)}</dd>
    </dl>
  `
}

const EVERY_MS = 200

/** A time that is to come, running down. Not announced: it would never stop talking. */
function Until({ atMs, over }: { atMs: number; over: string }) {
  const leftNow = () => atMs - (Date.now() + clockAheadMs.value)
  const [leftMs, setLeftMs] = useState(leftNow)
  useEffect(() => {
    setLeftMs(leftNow())
    const timer = setInterval(() => setLeftMs(leftNow()), EVERY_MS)
    return () => clearInterval(timer)
  }, [atMs])
  return html`<time datetime=${new Date(atMs).toISOString()}>${timeOfDay(atMs)}</time> <span class="countdown">${leftMs <= 0 ? over : `in ${age(leftMs)}`}</span>`
}
