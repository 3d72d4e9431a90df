import { signal } from '@preact/signals'
import { html } from 'htm/preact'
import { useEffect, useState } from 'preact/hooks'
import type { ChaosShown } from '../../areas/faults/chaos.ts'
import { get, live, post, Refused } from '../client.ts'

const chaos = signal<ChaosShown | undefined>(undefined)

type TextEvent = { readonly currentTarget: HTMLInputElement }

const PHASES = {
  trouble: 'Messages are published while things break.',
  draining: 'Everything works again; what was published comes to its end.',
  over: 'Over.',
} as const

/** Faults by a seed, and whether anything is lost or there twice. */
export function Chaos() {
  const [seed, setSeed] = useState('1')
  const [seconds, setSeconds] = useState('20')
  const [messages, setMessages] = useState('200')
  const [problem, setProblem] = useState('')
  useEffect(() => {
    const load = () =>
      void get<ChaosShown>('/api/chaos').then(
        (shown) => (chaos.value = shown),
        () => undefined,
      )
    load()
    return live<ChaosShown>('chaos', {
      events: (shown) => {
        chaos.value = shown.at(-1) ?? chaos.value
      },
      lost: load,
    })
  }, [])
  const run = chaos.value?.run
  const isRunning = run !== undefined && run.phase !== 'over'
  const ask = async (path: string, order: unknown) => {
    setProblem('')
    try {
      chaos.value = await post<ChaosShown>(path, order)
    } catch (error) {
      setProblem(
        error instanceof Refused
          ? `${error.field === undefined ? '' : `${error.field}: `}${error.message}`
          : 'it did not work',
      )
    }
  }
  const onSubmit = (event: Event) => {
    event.preventDefault()
    void ask('/api/chaos', { seed: Number(seed), seconds: Number(seconds), messages: Number(messages) })
  }
  const number = (label: string, value: string, change: (value: string) => void) => html`
    <label class="row"><span class="quiet">${label}</span>
      <input type="number" min="0" required value=${value} onInput=${({ currentTarget }: TextEvent) => change(currentTarget.value)} />
    </label>
  `
  return html`
    <section class="card chaos" aria-labelledby="chaos">
      <form class="row" onSubmit=${onSubmit} aria-label="Chaos">
        <h2 id="chaos">Chaos</h2>
        ${number('seed', seed, setSeed)}
        ${number('seconds', seconds, setSeconds)}
        ${number('messages', messages, setMessages)}
        <button type="submit" disabled=${isRunning}>Start chaos</button>
        ${isRunning ? html`<button type="button" onClick=${() => void ask('/api/chaos/stop', {})}>Stop chaos</button>` : ''}
        <span class="error" role="status">${problem}</span>
      </form>
      ${
        run === undefined
          ? html`<p class="quiet">Publishes messages of every kind while faults come and go, all by the seed, and judges by what Customer.io has: lost and twice must stay at 0. Messages that it has refused on purpose end as dead letters and stay there.</p>`
          : html`<${Run} run=${run} />`
      }
      <details>
        <summary>What it breaks</summary>
        <p>${chaos.value?.kinds.made.join(', ')}.</p>
        <p class="quiet">Only <code>npm run chaos</code> breaks these: ${chaos.value?.kinds.leftOut.map(({ kind, why }) => `${kind} (${why})`).join('; ')}.</p>
      </details>
    </section>
  `
}

function Run({ run }: { run: NonNullable<ChaosShown['run']> }) {
  const { phase, published, messages, open, outcomes, lost, twice, violations, faults } = run
  const on = faults.filter(({ state }) => state === 'on')
  const over = faults.filter(({ state }) => state === 'over').length
  const promise = (name: string, value: number) => html`
    <div><dt>${name}</dt><dd class=${value === 0 ? 'good' : 'bad'}>${value === 0 ? '✓ 0' : `✕ ${value}`}</dd></div>
  `
  const figure = (name: string, value: number | string) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`
  return html`
    <p role="status">Seed ${run.seed}. ${PHASES[phase]}</p>
    <dl class="figures" aria-label="Figures of the run">
      ${promise('lost', lost)} ${promise('twice', twice)}
      ${figure('published', `${published} of ${messages}`)} ${figure('under way', open)}
      ${['delivered', 'refused', 'exhausted', 'uncertain'].map((outcome) => figure(outcome, outcomes[outcome] ?? 0))}
      ${figure('faults', `${over} of ${faults.length}`)}
    </dl>
    <p class="quiet" aria-hidden="true">${on.length === 0 ? '' : `✕ now: ${on.map(({ kind, topics }) => `${kind} (${topics.join(', ')})`).join('; ')}`}</p>
    ${
      violations.length === 0
        ? ''
        : html`<ul class="bad">${violations.map(({ rule, subject, text }) => html`<li>${rule}: ${subject}: ${text}</li>`)}</ul>`
    }
  `
}
