import { html } from 'htm/preact'
import { useEffect, useState } from 'preact/hooks'
import type { LetterDetail } from '../../areas/dead-letters/letter.ts'
import { get, post, Refused } from '../client.ts'
import { age } from '../parts/time.ts'
import { go, href } from '../router.ts'
import { Edit } from './edit.ts'
import { allowActions, attempt, busy, state } from './letters.ts'
import { kept, Reason } from './list.ts'
import { PurgeDialog } from './purge.ts'
import { ReplayDialog } from './replay.ts'
import { Settle } from './settle.ts'

/** One dead letter, and what can be done with it. */
export function Letter({ messageId }: { messageId: string }) {
  const [letter, setLetter] = useState<LetterDetail | undefined>(undefined)
  const [problem, setProblem] = useState<string | undefined>(undefined)
  const at = `/api/dead-letters/${encodeURIComponent(messageId)}`
  useEffect(() => {
    if (state.value.phase !== 'held') return
    get<LetterDetail>(at).then(setLetter, (error: unknown) =>
      setProblem(error instanceof Refused ? error.message : String(error)),
    )
  }, [messageId, state.value.phase])
  const back = href(['dead-letters'], kept())
  const done = () => go(back)
  if (state.value.phase !== 'held' || problem !== undefined) {
    return html`
      <p><a href=${back}>Dead letters</a></p>
      <div class="empty">
        <p>${problem ?? 'No dead letters are held, so this one cannot be shown.'}</p>
        <p><a href=${back}>Look at the dead letters</a></p>
      </div>
    `
  }
  return html`
    <p><a href=${back}>Dead letters</a></p>
    ${
      letter === undefined
        ? html`<div class="empty">Loading</div>`
        : html`<${Shown} letter=${letter} done=${done} reveal=${async () => setLetter((await attempt(() => post<LetterDetail>(`${at}/reveal`))) ?? letter)} />`
    }
  `
}

interface ShownProps {
  readonly letter: LetterDetail
  readonly done: () => void
  readonly reveal: () => Promise<void>
}

function Shown({ letter, done, reveal }: ShownProps) {
  const [doing, setDoing] = useState<'replay' | 'purge' | 'edit' | undefined>(undefined)
  const { messageId, what, source, topic, reason, error, masked, editable, toSettle } = letter
  const close = () => setDoing(undefined)
  const isIdle = busy.value === undefined
  const isBroken = (letter.problems?.length ?? 0) > 0
  return html`
    <div class="row">
      <h1>${what}</h1>
      <span class="tag">${source}</span>
      <${Reason} reason=${reason} />
      <span class="grow"></span>
      ${masked && html`<button onClick=${() => void reveal()}>Reveal personal data</button>`}
      ${
        allowActions.value &&
        html`
          <button class=${toSettle || isBroken ? '' : 'primary'} disabled=${!isIdle} onClick=${() => setDoing('replay')}>Replay…</button>
          <button class=${isBroken ? 'primary' : ''} disabled=${!isIdle || editable === null} title=${editable === null ? 'Reveal it first' : undefined} onClick=${() => setDoing('edit')}>Edit and replay</button>
          <button class="danger" disabled=${!isIdle} onClick=${() => setDoing('purge')}>Delete…</button>
        `
      }
    </div>
    <p class="cause">${error || 'No error is known.'}</p>
    ${masked && html`<p class="quiet">Values are masked. To reveal them writes a line into the record of messages that names this message.</p>`}
    ${toSettle && html`<${Settle} letter=${letter} done=${done} />`}
    ${doing === 'edit' && editable !== null && html`<${Edit} messageId=${messageId} topic=${topic} editable=${editable} close=${close} done=${done} />`}
    <div class="parts">
      <section class="card" aria-labelledby="message">
        <h2 id="message">Message</h2>
        <pre tabindex="0">${letter.body}</pre>
      </section>
      <div class="stack">
        <${Verdict} letter=${letter} />
        <${Ledger} letter=${letter} />
        <${Facts} letter=${letter} />
        <section class="card" aria-labelledby="attributes">
          <h2 id="attributes">Attributes</h2>
          <table>
            <tbody>${Object.entries(letter.attributes).map(([name, value]) => html`<tr><th scope="row" class="mono">${name}</th><td class="value">${value}</td></tr>`)}</tbody>
          </table>
        </section>
      </div>
    </div>
    ${doing === 'replay' && html`<${ReplayDialog} messageIds=${[messageId]} close=${close} done=${done} />`}
    ${doing === 'purge' && html`<${PurgeDialog} messageIds=${[messageId]} close=${close} done=${done} />`}
  `
}

function Verdict({ letter: { problems, topic } }: { letter: LetterDetail }) {
  if (problems === null) return ''
  return html`
    <section class="card" aria-labelledby="verdict">
      <h2 id="verdict">Today's contract of ${topic}</h2>
      ${
        problems.length === 0
          ? html`<p>The message keeps it.</p>`
          : html`<table><tbody>${problems.map(({ field, rule }) => html`<tr><th scope="row" class="mono">${field}</th><td>${rule}</td></tr>`)}</tbody></table>`
      }
    </section>
  `
}

function Ledger({ letter: { ledger, topic } }: { letter: LetterDetail }) {
  if (topic !== 'transactional') return ''
  const time = (ms: number) => new Date(ms).toISOString()
  return html`
    <section class="card" aria-labelledby="ledger">
      <h2 id="ledger">Send ledger</h2>
      ${
        ledger === null
          ? html`<p>No record.</p>`
          : html`
            <p><strong>${ledger.state}</strong>, sending began <time>${time(ledger.claimedAtMs)}</time></p>
            ${ledger.leasedUntilMs !== null && html`<p>Leased until <time>${time(ledger.leasedUntilMs)}</time>: it may be being sent.</p>`}
            ${ledger.deliveryId !== null && html`<p>Delivery <code>${ledger.deliveryId}</code></p>`}
          `
      }
    </section>
  `
}

function Facts({ letter }: { letter: LetterDetail }) {
  const since = (ms: number) => `${age(Date.now() - ms)} ago, ${new Date(ms).toISOString()}`
  const lines = [
    ['Published', since(letter.publishedAtMs)],
    ['Dead-lettered', since(letter.deadLetteredAtMs)],
    ['Attempts', letter.attempts],
    ['Replayed before', letter.replays],
    ['Size', `${letter.bytes.toLocaleString('en')} bytes${letter.bodyCut ? ', cut: complete it by an edit' : ''}`],
    ['Id', html`<a href=${href(['messages', letter.id])}><code>${letter.id}</code></a>`],
  ] as const
  return html`
    <section class="card" aria-labelledby="facts">
      <h2 id="facts">Facts</h2>
      <table><tbody>${lines.map(([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>`)}</tbody></table>
    </section>
  `
}
