import { html } from 'htm/preact'
import { useEffect, useState } from 'preact/hooks'
import { post } from '../client.ts'
import { Body } from '../message/body.ts'
import { Standing } from '../message/standing.ts'
import { Journeys } from '../message/timeline.ts'
import { askCost, cost, followMessage, isLive, lookUp, problem, view } from '../message/view.ts'
import { bytes } from '../parts/bytes.ts'
import { Outcome } from '../parts/outcome.ts'
import { href } from '../router.ts'
import '../message/message.css'

/** One message, from publish to what came back of it. */
export function Message({ id }: { id: string }) {
  useEffect(() => (isLive ? followMessage(id) : askCost(id)), [id])
  const shown = view.value
  if (shown === undefined && !isLive) {
    return html`
      <p><a href=${href(['messages'])}>Messages</a></p>
      <h1>Message ${id}</h1>
      <p>${cost.value === undefined ? 'Asking BigQuery what a look would read.' : `A look at the last 7 days of record and webhooks, and at the send ledger, reads at most ${bytes(cost.value)} of BigQuery.`}</p>
      <p class="row"><button class="primary" onClick=${() => void lookUp(id)}>Look up</button><span role="status" class="error">${problem.value}</span></p>
    `
  }
  if (shown === undefined) {
    return html`<h1>Message ${id}</h1><p class=${problem.value === undefined ? 'quiet' : 'error'} role="status">${problem.value ?? 'Loading'}</p>`
  }
  const { row, journeys } = shown
  return html`
    <div class="row">
      <a href=${href(['messages'])}>Messages</a>
      <span class="quiet" aria-hidden="true">/</span>
      <h1>${journeys[0]?.title ?? `${row?.topic ?? 'unknown'}: ${row?.what ?? 'message'}`}</h1>
      ${row !== undefined && html`<${Outcome} outcome=${row.outcome} reason=${row.reason} />`}
      <span class="mono quiet">${shown.id}</span>
    </div>
    ${problem.value !== undefined && html`<p class="error" role="status">${problem.value}</p>`}
    <div class=${isLive ? 'message' : 'message alone'}>
      <div class="stack">
        <${Journeys} view=${shown} />
        ${shown.payload !== undefined && html`<${Body} payload=${shown.payload} />`}
      </div>
      <div class="stack">
        ${isLive && html`<${Standing} view=${shown} />`}
        ${shown.payload !== undefined && html`<${PublishAgain} id=${shown.id} topic=${shown.payload.topic} />`}
      </div>
    </div>
  `
}

function PublishAgain({ id, topic }: { id: string; topic: string }) {
  const [said, setSaid] = useState<{ text: string; isError: boolean } | undefined>(undefined)
  const publish = async () => {
    try {
      const { messageId } = await post<{ messageId: string }>(`/api/messages/${id}/publish`)
      setSaid({ text: `Published as message ${messageId}.`, isError: false })
    } catch (error) {
      setSaid({ text: error instanceof Error ? error.message : String(error), isError: true })
    }
  }
  return html`
    <section class="card" aria-labelledby="again">
      <h2 id="again">Publish again</h2>
      <p class="quiet">${
        topic === 'transactional'
          ? 'With the same key: the send ledger recognises it, and nothing is sent twice.'
          : 'With the same key: it counts as the same message, wherever it is stored.'
      }</p>
      <p class="row"><button onClick=${publish}>Publish again</button>
      <span role="status" class=${said?.isError ? 'error' : 'good'}>${said?.text}</span></p>
    </section>
  `
}
