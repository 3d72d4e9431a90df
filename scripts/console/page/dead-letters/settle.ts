import { html } from 'htm/preact'
import { useState } from 'preact/hooks'
import type { Evidence, ListedDelivery } from '../../../cio/dead-letters/evidence.ts'
import type { ActionAnswer } from '../../areas/dead-letters/dead-letters.ts'
import type { LetterDetail } from '../../areas/dead-letters/letter.ts'
import { post } from '../client.ts'
import { Dialog } from './dialog.ts'
import { act, allowActions, attempt, busy } from './letters.ts'

type Decision = 'sent' | 'resend'

const QUESTIONS: Readonly<Record<Decision, { title: string; action: string; words: string }>> = {
  sent: {
    title: 'Note it as sent?',
    action: 'It was sent',
    words:
      'The send ledger is told that it was sent, and the dead letter is removed. Nobody will send it again: a wrong decision loses the message.',
  },
  resend: {
    title: 'Send it now?',
    action: 'Send it now',
    words:
      'The send ledger is told that it was not sent, and it is published again. If it did go out, the person gets it twice.',
  },
}

/** An uncertain send: what ledger and Customer.io know, and the decision. */
export function Settle({ letter, done }: { letter: LetterDetail; done: () => void }) {
  const [evidence, setEvidence] = useState<Evidence | undefined>(undefined)
  const [isAsking, setAsking] = useState(false)
  const [decision, setDecision] = useState<Decision | undefined>(undefined)
  const at = `${encodeURIComponent(letter.messageId)}`
  const ask = async () => {
    setAsking(true)
    setEvidence(await attempt(() => post<Evidence>(`/api/dead-letters/${at}/evidence`)))
    setAsking(false)
  }
  const confirm = async (given: Decision) => {
    setDecision(undefined)
    const answer = await act<ActionAnswer & { settled: string }>('Settling', `${at}/settle`, { decision: given })
    if (answer !== undefined && answer.settled !== 'skipped') done()
  }
  const question = decision === undefined ? undefined : QUESTIONS[decision]
  return html`
    <section class="card" aria-labelledby="settle">
      <h2 id="settle">Was it sent?</h2>
      ${
        evidence === undefined
          ? html`
            <p>Nobody knows yet. Look at what both sides know, then decide. Customer.io is asked for what it sent to the person at that time.</p>
            <button class="primary" disabled=${isAsking} onClick=${() => void ask()}>${isAsking ? 'Asking' : 'Ask ledger and Customer.io'}</button>
          `
          : html`<${BothSides} evidence=${evidence} />`
      }
      ${
        evidence !== undefined &&
        (allowActions.value
          ? html`
            <div class="row">
              <button disabled=${busy.value !== undefined} onClick=${() => setDecision('sent')}>It was sent…</button>
              <button class="danger" disabled=${busy.value !== undefined} onClick=${() => setDecision('resend')}>It was not: send it now…</button>
            </div>
          `
          : html`<p class="quiet">Read-only: start it with <code>--allow-actions</code> to settle it.</p>`)
      }
      ${
        decision !== undefined &&
        question !== undefined &&
        html`
          <${Dialog} title=${question.title} action=${question.action} danger=${decision === 'resend'} confirm=${() => void confirm(decision)} cancel=${() => setDecision(undefined)}>
            <p>${question.words}</p>
            <p>This cannot be undone.</p>
          <//>
        `
      }
    </section>
  `
}

function BothSides({ evidence: { channel, to, template, publishedAt, ledger, customerIo } }: { evidence: Evidence }) {
  return html`
    <p>${channel} to ${to}, template ${template ?? 'none'}, published <time>${publishedAt}</time></p>
    <div class="sides">
      <div>
        <h3>Send ledger</h3>
        <p>${ledger === undefined ? 'No record: it does not know this message.' : html`<strong>${ledger.state}</strong>, sending began <time>${ledger.claimedAt}</time>`}</p>
      </div>
      <div>
        <h3>Customer.io</h3>
        ${
          customerIo.kind === 'cannot_be_asked'
            ? html`<p>It cannot be asked: ${customerIo.why}</p>`
            : html`
              <p>Lists between <time>${customerIo.from}</time> and <time>${customerIo.until}</time>: ${customerIo.deliveries.length === 0 ? html`<strong>nothing</strong>` : ''}</p>
              <ul>${customerIo.deliveries.map((delivery) => html`<li><code>${delivery.id}</code> of <time>${delivery.createdAt}</time>${doubtsAbout(delivery)}</li>`)}</ul>
              <p class="quiet">Compared: ${customerIo.compared}</p>
            `
        }
      </div>
    </div>
  `
}

function doubtsAbout({ ofAnother, person, template, recipient }: ListedDelivery): string {
  const doubts = [
    ...(ofAnother ? ['of another message'] : []),
    ...(person === 'unknown' ? ['perhaps to somebody else'] : []),
    ...(template === 'unknown' ? ['perhaps of another template'] : []),
    ...(recipient === 'other' ? ['to another recipient'] : []),
  ]
  return doubts.length === 0 ? '' : ` (${doubts.join(', ')})`
}
