import { html } from 'htm/preact'
import { useEffect, useMemo } from 'preact/hooks'
import { parseFilter } from '../../../cio/messages/filter.ts'
import type { MessageRow } from '../../areas/messages/row.ts'
import { facts } from '../facts.ts'
import { follow, loading, newestFirst, paused, problem, resume, waitingCount } from '../messages/list.ts'
import { LookUp } from '../messages/recorded.ts'
import { Filter } from '../parts/filter.ts'
import { Outcome } from '../parts/outcome.ts'
import { type Column, Rows } from '../parts/rows.ts'
import { age, dateAndTime, timeOfDay } from '../parts/time.ts'
import { go, href, place } from '../router.ts'
import { Message } from './message.ts'

/** All messages, live; or one of them when the address names it. */
export function Messages() {
  const [id] = place.value.rest
  return id === undefined ? html`<${List} />` : html`<${Message} id=${id} key=${id} />`
}

const PERSON: Column<MessageRow> = {
  ...{ title: 'Person', width: '22%' },
  cell: ({ person }) => person ?? html`<span class="quiet">nobody named</span>`,
}

/** Without a feed the messages come from the record, which names nobody. */
const isLive = facts.feeds.includes('messages')

const COLUMNS: readonly Column<MessageRow>[] = [
  {
    ...{ title: 'Published', width: isLive ? '112px' : '180px', className: 'mono' },
    cell: ({ id, publishedAtMs }) =>
      html`<a href=${href(['messages', id])} tabindex="-1" title=${new Date(publishedAtMs).toISOString()}>${isLive ? timeOfDay(publishedAtMs) : dateAndTime(publishedAtMs)}</a>`,
  },
  {
    ...{ title: 'Topic', width: '150px' },
    cell: ({ topic, lane }) => html`${topic}${lane === undefined ? '' : html` <span class="tag">${lane}</span>`}`,
  },
  ...(isLive ? [PERSON] : []),
  {
    ...{ title: 'Name or template', width: '' },
    cell: ({ what, template }) =>
      html`${what}${template === undefined ? '' : html` <span class="quiet">template ${template}</span>`}`,
  },
  {
    title: 'Outcome',
    width: '210px',
    cell: ({ outcome, reason }) => html`<${Outcome} outcome=${outcome} reason=${reason} />`,
  },
  { title: 'Attempts', width: '88px', className: 'number', cell: ({ attempts }) => attempts || '' },
  {
    ...{ title: 'Latency', width: '84px', className: 'number' },
    cell: ({ latencyMs }) => (latencyMs === undefined ? '' : age(latencyMs)),
  },
]

function List() {
  useEffect(() => (isLive ? follow() : undefined), [])
  const text = place.value.params.filter ?? ''
  const all = newestFirst.value
  const filter = useMemo(() => parseFilter(text), [text])
  const shown = useMemo(() => (text === '' ? all : all.filter(filter.matches)), [all, filter])
  const wrong = filter.problem ?? problem.value
  return html`
    <div class="row">
      <h1>Messages</h1>
      <span class="quiet" role="status">${countOf(shown.length, all.length)}</span>
      <span class="grow"></span>
      ${
        !isLive
          ? html`<${LookUp} />`
          : paused.value
            ? html`<button class="primary" onClick=${resume}>Resume${waitingCount.value === 0 ? '' : ` (${waitingCount.value} changed)`}</button>`
            : html`<button onClick=${() => (paused.value = true)}>Pause</button>`
      }
    </div>
    <div class="row">
      <${Filter}
        text=${text}
        placeholder=${`Filter: topic:track outcome:refused ${isLive ? 'person:ada ' : ''}attempts:>1 receipt`}
        describedBy="filter-problem"
        onText=${(filter: string) => go(href(['messages'], { filter }), { replace: true })}
      />
    </div>
    <p id="filter-problem" class="error" role="status" hidden=${wrong === undefined}>${wrong}</p>
    ${
      shown.length > 0
        ? html`<${Rows}
            label="Messages, the newest first"
            rows=${shown}
            keyOf=${({ id }: MessageRow) => id}
            columns=${COLUMNS}
            view=${text}
            open=${({ id }: MessageRow) => go(href(['messages', id]))}
          />`
        : html`<div class="empty">${loading.value ? 'Loading' : all.length === 0 && !isLive ? html`<p>Choose the days and look them up: nothing is read from BigQuery before.</p>` : all.length === 0 ? html`<p>No message was published yet.</p><p>Publish one: <code>npx cio-gcp publish track '{"identifiers":{"id":"ada"},"name":"order_completed"}' ${facts.flags}</code></p>` : html`<p>No message matches this filter.</p><p><a href=${href(['messages'])}>Show all</a></p>`}</div>`
    }
  `
}

function countOf(shown: number, all: number): string {
  const number = (count: number) => count.toLocaleString('en')
  return shown === all ? number(all) : `${number(shown)} of ${number(all)}`
}

/** Enter and Escape lead from the filter to the rows. */
