import { html } from 'htm/preact'
import { useEffect, useState } from 'preact/hooks'
import type { ReceivedMessage } from '../../areas/inbox/inbox.ts'
import { get, post, Refused } from '../client.ts'
import { timeOfDay } from '../parts/time.ts'
import { href } from '../router.ts'
import { CameBack } from './came-back.ts'
import { partsOf } from './content.ts'
import { told } from './list.ts'

/** One message as its recipient has it, and what the recipient can do. */
export function ReceivedView({ id }: { id: string }) {
  const [message, setMessage] = useState<ReceivedMessage | undefined>(undefined)
  const [problem, setProblem] = useState<string | undefined>(undefined)
  const happened = told.value
  useEffect(() => {
    let isLate = false
    get<ReceivedMessage>(`/api/inbox/${encodeURIComponent(id)}`).then(
      (found) => {
        if (!isLate) setMessage(found)
      },
      (error: unknown) => {
        if (!isLate) setProblem(error instanceof Refused ? error.message : 'it cannot be shown')
      },
    )
    return () => {
      isLate = true
    }
  }, [id, happened])
  if (message === undefined) return html`<div class="empty" role="status">${problem ?? 'Loading'}</div>`
  return html`
    <article class="received" aria-labelledby="subject">
      <h2 id="subject">${message.subject}</h2>
      <dl class="facts">
        ${message.recipient === null ? '' : html`<dt>To</dt><dd>${message.recipient}</dd>`}
        ${message.person === '' ? '' : html`<dt>Person</dt><dd>${message.person}</dd>`}
        <dt>Channel</dt><dd>${message.channel}${message.template === undefined ? '' : html` <span class="quiet">template ${message.template}</span>`}</dd>
        <dt>Accepted</dt><dd>${timeOfDay(message.atMs)}</dd>
        <dt>Delivery</dt><dd class="mono">${message.id}</dd>
        ${message.messageId === undefined ? '' : html`<dt>Message</dt><dd><a class="mono" href=${href(['messages', message.messageId])}>${message.messageId}</a></dd>`}
      </dl>
      <${Acts} message=${message} />
      <${CameBack} message=${message} />
      <${Content} message=${message} key=${message.id} />
    </article>
  `
}

const LABELS = {
  deliver: 'Deliver',
  open: 'Open',
  click: 'Click',
  bounce: 'Bounce',
  complain: 'Complain',
  unsubscribe: 'Unsubscribe',
} as const

/** The buttons of the recipient. */
function Acts({ message: { id, channel, actions, links } }: { message: ReceivedMessage }) {
  const [link, setLink] = useState('')
  const [problem, setProblem] = useState('')
  if (channel === 'broadcast') {
    return html`<p class="quiet">Customer.io decides who receives a broadcast, so there is nobody here to act as.</p>`
  }
  if (actions.length === 0) return html`<p class="quiet">Customer.io documents no webhook for this channel.</p>`
  const act = async (does: keyof typeof LABELS) => {
    setProblem('')
    const clicked = does === 'click' && links.length > 0 ? { href: links.includes(link) ? link : links[0] } : {}
    await post(`/api/inbox/${encodeURIComponent(id)}/act`, { does, ...clicked }).catch((error: unknown) =>
      setProblem(error instanceof Refused ? error.message : 'it did not work'),
    )
  }
  return html`
    <div class="row" role="group" aria-label="Act as the recipient">
      <span class="quiet">Act as the recipient</span>
      ${actions.map((action) => html`<button type="button" key=${action} onClick=${() => void act(action)}>${LABELS[action]}</button>`)}
      ${
        actions.includes('click') && links.length > 1
          ? html`
            <label><span class="visually-hidden">Link to click</span>
              <select value=${links.includes(link) ? link : links[0]} onChange=${({ currentTarget }: { currentTarget: HTMLSelectElement }) => setLink(currentTarget.value)}>
                ${links.map((each) => html`<option value=${each}>${each}</option>`)}
              </select>
            </label>
          `
          : ''
      }
      <span class="error" role="status">${problem}</span>
    </div>
  `
}

/** Its parts, one at a time. */
function Content({ message }: { message: ReceivedMessage }) {
  const parts = partsOf(message)
  const [chosen, setChosen] = useState(parts[0]?.name ?? '')
  const part = parts.find(({ name }) => name === chosen) ?? parts[0]
  const isKnown = message.content.isKnown || message.channel === 'broadcast'
  const move = (event: KeyboardEvent) => {
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    const next = parts[(parts.findIndex(({ name }) => name === part?.name) + by + parts.length) % parts.length]
    if (by === 0 || next === undefined) return
    setChosen(next.name)
    document.getElementById(`tab-${next.name}`)?.focus()
  }
  return html`
    ${
      isKnown
        ? ''
        : html`<p class="card">What it says is in template ${message.template} at Customer.io, which nobody knows here. This is what the template gets.</p>`
    }
    <div class="part-tabs" role="tablist" aria-label="Parts of the message" onKeyDown=${move}>
      ${parts.map(
        ({ name, title }) => html`
          <button
            type="button"
            role="tab"
            key=${name}
            id=${`tab-${name}`}
            aria-selected=${name === part?.name}
            aria-controls="part"
            tabindex=${name === part?.name ? 0 : -1}
            onClick=${() => setChosen(name)}
          >${title}</button>
        `,
      )}
    </div>
    <div class="part" id="part" role="tabpanel" aria-labelledby=${`tab-${part?.name}`} tabindex="0">${part?.view()}</div>
  `
}
