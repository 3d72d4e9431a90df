import { html } from 'htm/preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import type { LetterRow } from '../../areas/dead-letters/letter.ts'
import type { LookState } from '../../areas/dead-letters/look.ts'
import { post } from '../client.ts'
import { Filter } from '../parts/filter.ts'
import { Outcome } from '../parts/outcome.ts'
import { type Column, Rows } from '../parts/rows.ts'
import { age } from '../parts/time.ts'
import { go, href, place } from '../router.ts'
import { allowActions, attempt, busy, chosen, count, giveBack, letters, look, sources, state } from './letters.ts'
import { PurgeDialog } from './purge.ts'
import { ReplayDialog } from './replay.ts'

type Group = Extract<LookState, { phase: 'held' }>['groups'][number]

/** Reasons that are outcomes by themselves. */
const OUTCOMES: ReadonlySet<string> = new Set(['uncertain', 'exhausted', 'expired', 'cancelled', 'guarded'])

/** A reason with the outcome that it is one of. */
export function Reason({ reason }: { reason: string }) {
  const outcome = OUTCOMES.has(reason) ? reason : reason === 'forwarded' ? 'exhausted' : 'refused'
  return html`<${Outcome} outcome=${outcome} reason=${reason} />`
}

const COLUMNS: readonly Column<LetterRow>[] = [
  {
    ...{ title: 'Chosen', width: '78px' },
    cell: ({ messageId, id }) => html`
      <label class="choose"><input type="checkbox" tabindex="-1" aria-label=${`Choose ${id}`} checked=${chosen.value.has(messageId)} onChange=${() => toggle(messageId)} /></label>
    `,
  },
  {
    ...{ title: 'Published', width: '110px' },
    cell: ({ messageId, publishedAtMs }) =>
      html`<a href=${href(['dead-letters', messageId], kept())} tabindex="-1" title=${new Date(publishedAtMs).toISOString()}>${age(Date.now() - publishedAtMs)} ago</a>`,
  },
  { title: 'Source', width: '120px', cell: ({ source }) => source },
  { title: 'What', width: '20%', cell: ({ what }) => what },
  { title: 'Reason', width: '190px', cell: ({ reason }) => html`<${Reason} reason=${reason} />` },
  { title: 'Error', width: '', cell: ({ error }) => html`<span title=${error}>${error}</span>` },
  { title: 'Replays', width: '90px', className: 'number', cell: ({ replays }) => replays || '' },
]

function toggle(messageId: string): void {
  const next = new Set(chosen.value)
  if (!next.delete(messageId)) next.add(messageId)
  chosen.value = next
}

/** The part of the address that a letter leads back to. */
export function kept(): Readonly<Record<string, string | undefined>> {
  const { filter, source, reason, field } = place.value.params
  return { filter, source, reason, field }
}

/** Before a look, while it pulls, and what it holds. */
export function List() {
  const now = state.value
  return html`
    <div class="row">
      <h1>Dead letters</h1>
      <span class="quiet" role="status">${held(now)}</span>
      <span class="grow"></span>
      ${
        now.phase === 'held' &&
        html`
          <button disabled=${busy.value !== undefined} onClick=${() => void look([])}>Look again</button>
          <button disabled=${busy.value !== undefined} onClick=${() => void giveBack()}>Give back</button>
        `
      }
    </div>
    ${now.phase === 'held' ? (now.total === 0 ? html`<${Nothing} now=${now} />` : html`<${Held} now=${now} />`) : html`<${Before} now=${now} />`}
  `
}

function held(now: LookState): string {
  if (now.phase === 'pulling') return `${count(now.pulled)} pulled`
  if (now.phase !== 'held' || now.total === 0) return ''
  const until = new Date(now.untilMs).toLocaleTimeString('en-GB')
  return `${count(now.total)}, held until ${until} and longer while this page is open`
}

function Before({ now }: { now: LookState }) {
  const [source, setSource] = useState('')
  const isPulling = now.phase === 'pulling'
  return html`
    <div class="empty">
      ${now.phase === 'ended' && html`<p>Nothing is held: ${now.why}</p>`}
      <p>Pub/Sub shows dead letters only to who pulls them. While you look, nobody else receives them: no replay of a colleague, no alert that clears.</p>
      <p>They are given back when you leave: half a minute after this page is closed or out of sight.</p>
      <form class="row centre" onSubmit=${(event: Event) => {
        event.preventDefault()
        void look(source === '' ? [] : [source])
      }}>
        <label>Of${' '}
          <select value=${source} onChange=${({ currentTarget }: { currentTarget: HTMLSelectElement }) => setSource(currentTarget.value)}>
            <option value="">every source</option>
            ${sources.value.map((name) => html`<option value=${name}>${name}</option>`)}
          </select>
        </label>
        <button class="primary" disabled=${isPulling}>${isPulling ? `Pulling, ${now.pulled.toLocaleString('en')} so far` : 'Look'}</button>
      </form>
    </div>
  `
}

function Nothing({ now }: { now: Extract<LookState, { phase: 'held' }> }) {
  return html`
    <div class="empty">
      <p>There are no dead letters${Object.keys(now.unseen.elsewhere).length === 0 ? '' : ' to be seen'}.</p>
      <${Unseen} now=${now} />
      <p>A message that breaks the contract becomes one: <code>npx cio-gcp publish</code> would refuse it, any other publisher would not.</p>
    </div>
  `
}

function Unseen({ now: { unseen } }: { now: Extract<LookState, { phase: 'held' }> }) {
  const elsewhere = Object.entries(unseen.elsewhere)
  return html`
    ${unseen.more && html`<p class="warning">There are more than a look takes. Act upon these, then look again.</p>`}
    ${elsewhere.length > 0 && html`<p class="warning">Another process holds ${elsewhere.map(([source, number]) => `${number.toLocaleString('en')} of ${source}`).join(', ')}. It returns them when it ends.</p>`}
  `
}

function Held({ now }: { now: Extract<LookState, { phase: 'held' }> }) {
  const { params } = place.value
  const text = params.filter ?? ''
  const person = /^person:(\S.*)$/.exec(text)?.[1]?.trim()
  const ofPerson = usePerson(person)
  const shown = useMemo(
    () => letters.value.filter((letter) => isShown(letter, params, person === undefined ? text : '', ofPerson)),
    [letters.value, params, ofPerson],
  )
  const view = JSON.stringify(params)
  return html`
    <${Unseen} now=${now} />
    <${GroupTable} groups=${now.groups} />
    <${Filter}
      text=${text}
      placeholder="Filter by text, or person:ada@example.com"
      onText=${(filter: string) => go(href(['dead-letters'], { ...kept(), filter }), { replace: true })}
    />
    <${Actions} shown=${shown} />
    ${
      shown.length > 0
        ? html`<${Rows}
            label="Dead letters, the oldest first"
            rows=${shown}
            keyOf=${({ messageId }: LetterRow) => messageId}
            columns=${COLUMNS}
            view=${view}
            open=${({ messageId }: LetterRow) => go(href(['dead-letters', messageId], kept()))}
          />`
        : html`<div class="empty"><p>No dead letter matches.</p><p><a href=${href(['dead-letters'])}>Show all</a></p></div>`
    }
  `
}

/** Whom a message is about, only the server knows. */
function usePerson(person: string | undefined): ReadonlySet<string> | undefined {
  const [found, setFound] = useState<ReadonlySet<string> | undefined>(undefined)
  useEffect(() => {
    setFound(undefined)
    if (person === undefined) return
    const timer = setTimeout(() => {
      void attempt(async () => {
        const { messageIds } = await post<{ messageIds: readonly string[] }>('/api/dead-letters/find', { person })
        setFound(new Set(messageIds))
      })
    }, 300)
    return () => clearTimeout(timer)
  }, [person, state.value.phase])
  return person === undefined ? undefined : (found ?? new Set())
}

function isShown(
  { messageId, id, source, reason, field, what, error }: LetterRow,
  params: Readonly<Record<string, string>>,
  text: string,
  ofPerson: ReadonlySet<string> | undefined,
): boolean {
  if (params.source !== undefined && params.source !== source) return false
  if (params.reason !== undefined && params.reason !== reason) return false
  if (params.field !== undefined && params.field !== (field ?? '-')) return false
  if (ofPerson !== undefined && !ofPerson.has(messageId)) return false
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  const all = `${id} ${source} ${reason} ${what} ${error}`.toLowerCase()
  return words.every((word) => all.includes(word))
}

function GroupTable({ groups }: { groups: readonly Group[] }) {
  const { source, reason, field } = place.value.params
  const isOpen = (group: Group) => group.source === source && group.reason === reason && (group.field ?? '-') === field
  const filter = place.value.params.filter
  return html`
    <div class="groups">
      <table>
        <caption class="visually-hidden">Groups: choose one to see only its dead letters</caption>
        <thead>
          <tr><th scope="col">Source</th><th scope="col">Reason</th><th scope="col">Field</th><th scope="col" class="number">Messages</th><th scope="col" class="number">Replayed before</th><th scope="col" class="number">Newest</th><th scope="col" class="number">Oldest</th></tr>
        </thead>
        <tbody>
          ${groups.map((group) => {
            const to = isOpen(group)
              ? href(['dead-letters'], { filter })
              : href(['dead-letters'], {
                  filter,
                  source: group.source,
                  reason: group.reason,
                  field: group.field ?? '-',
                })
            return html`
              <tr aria-current=${isOpen(group) ? 'true' : undefined} onClick=${() => go(to)}>
                <td><a href=${to}>${group.source}</a></td>
                <td><${Reason} reason=${group.reason} /></td>
                <td class="mono">${group.field ?? ''}</td>
                <td class="number">${group.messages.toLocaleString('en')}</td>
                <td class="number">${group.replayed || ''}</td>
                <td class="number">${age(Date.now() - group.newestMs)}</td>
                <td class="number">${age(Date.now() - group.oldestMs)}</td>
              </tr>
            `
          })}
        </tbody>
      </table>
    </div>
  `
}

function Actions({ shown }: { shown: readonly LetterRow[] }) {
  const [asking, setAsking] = useState<'replay' | 'purge' | undefined>(undefined)
  const isChosen = chosen.value.size > 0
  const messageIds = isChosen ? [...chosen.value] : shown.map(({ messageId }) => messageId)
  const which = `${messageIds.length.toLocaleString('en')} ${isChosen ? 'chosen' : 'shown'}`
  const isIdle = busy.value === undefined && messageIds.length > 0
  const close = () => setAsking(undefined)
  return html`
    <div class="row">
      <span class="quiet" role="status">${busy.value ?? `${shown.length.toLocaleString('en')} shown${isChosen ? `, ${chosen.value.size.toLocaleString('en')} chosen` : ''}`}</span>
      <button disabled=${shown.length === 0} onClick=${() => (chosen.value = new Set(shown.map(({ messageId }) => messageId)))}>Choose all shown</button>
      ${isChosen && html`<button onClick=${() => (chosen.value = new Set())}>Choose none</button>`}
      <span class="grow"></span>
      ${
        allowActions.value
          ? html`
            <button class="primary" disabled=${!isIdle} onClick=${() => setAsking('replay')}>Replay ${which}…</button>
            <button class="danger" disabled=${!isIdle} onClick=${() => setAsking('purge')}>Delete ${which}…</button>
          `
          : html`<span class="quiet">Read-only: start it with <code>--allow-actions</code> to replay, settle or delete.</span>`
      }
    </div>
    ${asking === 'replay' && html`<${ReplayDialog} messageIds=${messageIds} close=${close} />`}
    ${asking === 'purge' && html`<${PurgeDialog} messageIds=${messageIds} close=${close} />`}
  `
}
