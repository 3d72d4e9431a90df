import { signal } from '@preact/signals'
import { html } from 'htm/preact'
import { useEffect, useState } from 'preact/hooks'
import type { FaultSwitch } from '../../areas/faults/faults.ts'
import { Chaos } from '../faults/chaos.ts'
import { active, change, faults, follow, problem } from '../faults/state.ts'
import '../faults/faults.css'

type SelectEvent = { readonly currentTarget: HTMLSelectElement }

/** Which requests the switches of Customer.io meet. */
const requests = signal('any')
const share = signal('1')
/** How long a preset lasts, in seconds; empty: until it is turned off. */
const lasting = signal('60')

const REQUESTS = {
  any: 'all requests',
  batch: 'batches of people and events',
  send: 'transactional messages',
  broadcast: 'broadcasts',
  lookup: 'look-ups of deliveries',
  track: 'single Track requests',
  account: 'requests about the account',
} as const

const SHARES = { '1': 'each one', '0.5': 'every other', '0.3': 'three of ten', '0.1': 'one of ten' } as const

/** Everything that can go wrong, as switches. */
export function Faults() {
  useEffect(follow, [])
  const state = faults.value
  if (state === undefined) return html`<h1>Faults</h1><div class="empty" role="status">Loading</div>`
  return html`
    <div class="row">
      <h1>Faults</h1>
      <span role="status" class=${active.value > 0 ? 'bad' : 'quiet'}>${active.value === 0 ? 'Nothing is broken.' : `✕ ${active.value} on`}<${Countdown} endsAtMs=${state.endsAtMs} /></span>
      <span class="grow"></span>
      <button type="button" class=${active.value > 0 ? 'primary' : ''} disabled=${active.value === 0} onClick=${() => void change('/api/faults/calm')}>Turn everything off</button>
    </div>
    <div role="alert">${problem.value === undefined ? '' : html`<p class="error">${problem.value}</p>`}</div>
    <section class="card presets" aria-label="Presets">
      <div class="row">
        <h2>Break Customer.io</h2>
        <label class="row">for
          <select value=${lasting.value} onChange=${({ currentTarget }: SelectEvent) => (lasting.value = currentTarget.value)}>
            <option value="60">a minute</option>
            <option value="300">five minutes</option>
            <option value="">as long as it is on</option>
          </select>
        </label>
      </div>
      <ul>
        ${state.presets.map(
          ({ name, about, isOn }) => html`
            <li key=${name}>
              <button type="button" aria-pressed=${isOn} onClick=${() => void (isOn ? change('/api/faults/calm') : change('/api/faults/preset', { name, ...(lasting.value !== '' && { seconds: Number(lasting.value) }) }))}>${name}</button>
              <span class="quiet">${about}</span>
            </li>
          `,
        )}
      </ul>
    </section>
    <${Chaos} />
    <div class="fault-groups">
      ${state.groups.map(({ name, switches }) => html`<${Group} key=${name} name=${name} switches=${switches} />`)}
      ${
        state.otherOrders.length === 0
          ? ''
          : html`
            <section class="card" aria-label="Other orders">
              <h2>Other orders to Customer.io</h2>
              <ul>${state.otherOrders.map(({ id, ...order }) => html`<li key=${id}><code>${JSON.stringify(order)}</code></li>`)}</ul>
            </section>
          `
      }
    </div>
  `
}

/** How long until everything is turned off by itself. */
function Countdown({ endsAtMs }: { endsAtMs: number | undefined }) {
  const [now, setNow] = useState(Date.now())
  useEffect(() => {
    if (endsAtMs === undefined) return
    const timer = setInterval(() => setNow(Date.now()), 1_000)
    return () => clearInterval(timer)
  }, [endsAtMs])
  // Not announced each second: the number is for the eye.
  return endsAtMs === undefined
    ? ''
    : html`<span aria-hidden="true">, ends in ${Math.max(0, Math.ceil((endsAtMs - now) / 1_000))} s</span>`
}

function Group({ name, switches }: { name: string; switches: readonly FaultSwitch[] }) {
  const isScoped = name === 'Customer.io'
  return html`
    <section class="card" aria-label=${name}>
      <div class="row">
        <h2>${name}</h2>
        ${
          isScoped
            ? html`
              <label class="row"><span class="quiet">Switches meet</span>
                <select value=${requests.value} onChange=${({ currentTarget }: SelectEvent) => (requests.value = currentTarget.value)}>
                  ${Object.entries(REQUESTS).map(([kind, label]) => html`<option value=${kind}>${label}</option>`)}
                </select>
              </label>
              <label class="row"><span class="quiet">and of these</span>
                <select value=${share.value} onChange=${({ currentTarget }: SelectEvent) => (share.value = currentTarget.value)}>
                  ${Object.entries(SHARES).map(([value, label]) => html`<option value=${value}>${label}</option>`)}
                </select>
              </label>
            `
            : ''
        }
        ${
          name === 'Pub/Sub'
            ? html`<span class="grow"></span><button type="button" title="Cuts every connection. What waits is kept." onClick=${() => void change('/api/faults/restart-pubsub')}>Restart it</button>`
            : ''
        }
      </div>
      <ul class="switches">
        ${switches.map((each) => html`<${Switch} key=${each.id} of=${each} isScoped=${isScoped} />`)}
      </ul>
    </section>
  `
}

function Switch({ of: { id, label, about, isOn, hits }, isScoped }: { of: FaultSwitch; isScoped: boolean }) {
  const scope = isScoped ? { requests: requests.value, probability: Number(share.value) } : {}
  const toggle = () => void change('/api/faults/switch', { id, on: !isOn, ...scope })
  return html`
    <li class=${isOn ? 'on' : ''}>
      <button type="button" role="switch" class="switch" aria-checked=${isOn} aria-label=${label} aria-describedby=${`about-${id}`} onClick=${toggle}><span></span></button>
      <span class="switch-label">${label}${isOn && hits !== undefined ? html` <span class=${hits === 0 ? 'quiet' : 'bad'}>met ${hits.toLocaleString('en')} ${hits === 1 ? 'request' : 'requests'}</span>` : ''}</span>
      <span class="quiet" id=${`about-${id}`}>${about}</span>
    </li>
  `
}
