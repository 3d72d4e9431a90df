import { html } from 'htm/preact'
import type { JourneyView, MessageView } from '../../areas/message/message.ts'
import { facts } from '../facts.ts'
import { age, timeIn } from '../parts/time.ts'

/** What every store knows of the message, in the order in which it happened: the words of `cio-gcp trace`. */
export function Journeys({ view }: { view: MessageView }) {
  const { journeys, id } = view
  return html`
    <section class="card" aria-labelledby="timeline">
      <h2 id="timeline">Timeline</h2>
      ${
        journeys.length === 0
          ? html`<p class="quiet">No store knows of it yet: the record has a line some moments after a function has handled it.</p>`
          : journeys.map((journey) => html`<${Journey} journey=${journey} />`)
      }
      <p class="quiet">In a terminal: <code>npx cio-gcp trace --message ${id} ${facts.flags}</code></p>
    </section>
  `
}

function Journey({ journey: { lines, ending, final } }: { journey: JourneyView }) {
  return html`
    <ol class="timeline">
      ${lines.map(
        ({ at, afterMs, source, text }) => html`
          <li key=${`${at} ${text}`} class=${source.replace(' ', '-')}>
            <time class="mono" datetime=${at} title=${at}>${timeIn(at)}</time>
            <span class="mono quiet number">${afterMs === 0 || !at.includes('.') ? '' : `+${age(afterMs)}`}</span>
            <span class="source">${source}</span>
            <span class="text">${text}</span>
          </li>
        `,
      )}
    </ol>
    <p class="ending"><strong>${ending}</strong>${final ? '' : html` <span class="quiet">More may follow.</span>`}</p>
  `
}
