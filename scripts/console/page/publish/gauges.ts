import { html } from 'htm/preact'
import type { Measure } from '../../../../shared/contract/index.ts'

/** How much of each limit the message takes. */
export function Gauges({ measures }: { measures: readonly Measure[] }) {
  return html`
    <ul class="gauges" aria-label="Limits">
      ${measures.map((measure) => html`<${Gauge} key=${measure.of} measure=${measure} />`)}
    </ul>
  `
}

function Gauge({ measure: { of, size, limit, unit } }: { measure: Measure }) {
  const number = (value: number) => value.toLocaleString('en')
  const amount = `${number(size)} of ${number(limit)}${unit === 'bytes' ? ' bytes' : ''}`
  const isOver = size > limit
  return html`
    <li>
      <span>${of}</span>
      <span class=${`amount ${isOver ? 'bad' : 'quiet'}`}>${isOver ? '✕ ' : ''}${amount}</span>
      <span class="gauge" role="meter" aria-label=${of} aria-valuemin="0" aria-valuemax=${limit} aria-valuenow=${Math.min(size, limit)} aria-valuetext=${`${amount}${isOver ? ', too much' : ''}`}>
        <span class=${isOver ? 'over' : ''} style=${{ width: `${Math.min(100, (100 * size) / limit)}%` }}></span>
      </span>
    </li>
  `
}
