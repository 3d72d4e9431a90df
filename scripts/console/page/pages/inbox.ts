import { html } from 'htm/preact'
import { useEffect } from 'preact/hooks'
import type { Received } from '../../areas/inbox/inbox.ts'
import { follow, inbox } from '../inbox/list.ts'
import { ReceivedView } from '../inbox/received.ts'
import { Filter } from '../parts/filter.ts'
import { type Column, Rows } from '../parts/rows.ts'
import { timeOfDay } from '../parts/time.ts'
import { go, href, place } from '../router.ts'
import '../inbox/inbox.css'

const COLUMNS: readonly Column<Received>[] = [
  {
    ...{ title: 'Time', width: '122px', className: 'mono' },
    cell: ({ id, atMs }) => html`<a href=${linkTo(id)} tabindex="-1">${timeOfDay(atMs)}</a>`,
  },
  { title: 'Channel', width: '116px', cell: ({ channel }) => channel },
  { title: 'To', width: '28%', cell: ({ recipient, person }) => recipient ?? person },
  { title: 'Subject', width: '', cell: ({ subject }) => html`<span title=${subject}>${subject}</span>` },
  { title: 'Last', width: '84px', cell: ({ reported }) => reported.at(-1) ?? '' },
]

const linkTo = (id: string) => href(['inbox', id], place.value.params)

/** What people would have received, and what they do with it. */
export function Inbox() {
  useEffect(follow, [])
  const list = inbox.value
  const { rest, params } = place.value
  const [id] = rest
  const newest = list?.messages[0]?.id
  useEffect(() => {
    // The newest is opened at first, and stays open when newer ones come.
    if (id === undefined && newest !== undefined) go(linkTo(newest), { replace: true })
  }, [id, newest])
  const { filter = '', channel = '' } = params
  return html`
    <div class="row">
      <h1>Inbox</h1>
      <span class="quiet" role="status">${list === undefined ? '' : countOf(list.messages.length, list.found)}</span>
    </div>
    <div class="inbox">
      <section class="stack" aria-label="Messages">
        <div class="row nowrap">
          <${Filter}
            text=${filter}
            placeholder="Filter: address, person, subject"
            onText=${(text: string) => show({ filter: text, channel })}
          />
          <label>
            <span class="visually-hidden">Channel</span>
            <select value=${channel} onChange=${({ currentTarget }: { currentTarget: HTMLSelectElement }) => show({ filter, channel: currentTarget.value })}>
              <option value="">all channels</option>
              ${Object.entries(list?.channels ?? {}).map(([name, count]) => html`<option value=${name}>${name} (${count})</option>`)}
            </select>
          </label>
        </div>
        ${
          list !== undefined && list.messages.length > 0
            ? html`<${Rows}
                label="Messages that were received, the newest first"
                rows=${list.messages}
                keyOf=${(message: Received) => message.id}
                columns=${COLUMNS}
                selected=${id}
                view=${`${channel} ${filter}`}
                open=${(message: Received) => go(linkTo(message.id))}
              />`
            : html`<div class="empty">${list === undefined ? 'Loading' : emptyState(filter !== '' || channel !== '')}</div>`
        }
      </section>
      ${id === undefined ? html`<div></div>` : html`<${ReceivedView} id=${id} key=${id} />`}
    </div>
  `
}

function show(params: Readonly<Record<string, string>>): void {
  go(href(['inbox'], params), { replace: true })
}

function countOf(shown: number, found: number): string {
  const number = (count: number) => count.toLocaleString('en')
  return shown === found ? number(found) : `the newest ${number(shown)} of ${number(found)}`
}

function emptyState(isFiltered: boolean) {
  return isFiltered
    ? html`<p>No message matches.</p><p><a href=${href(['inbox'])}>Show all</a></p>`
    : html`<p>Nobody has received a message yet.</p><p><a href=${href(['publish'])}>Publish one</a> to the topic transactional: it arrives here once Customer.io has accepted it.</p>`
}
