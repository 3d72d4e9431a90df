import { html } from 'htm/preact'
import type { FlowOfTopic } from '../../areas/now/flows.ts'
import type { Backlog } from '../../areas/now/now.ts'
import { age } from '../parts/time.ts'

/** In units of the drawing, which is as wide as the page. */
const COLUMNS = { publisher: 0, topic: 220, subscription: 440, function: 770, destination: 1_010 } as const
const WIDTH = 1_216
const BOX = { width: 170, height: 24 } as const
const SUBSCRIPTION_WIDTH = 270
const DESTINATION_WIDTH = 206
const ROW = 29
const GAP = 9
/** The line of titles above the bands. */
const TITLES = 24

/** The pipeline as pipeline.yaml has it: a band per topic, from who publishes to where its messages go. */
export function Diagram({ flows, backlogs }: { flows: readonly FlowOfTopic[]; backlogs: readonly Backlog[] }) {
  const waiting = new Map(backlogs.map((backlog) => [backlog.subscription, backlog]))
  let top = TITLES
  const bands = flows.map((flow) => {
    const rows = Math.max(flow.subscriptions.length, endsOf(flow).length, 1)
    const band = { flow, top, height: rows * ROW }
    top += rows * ROW + GAP
    return band
  })
  return html`
    <svg class="diagram" viewBox=${`0 0 ${WIDTH} ${Math.max(TITLES, top - GAP)}`} role="img" aria-label=${summaryOf(flows)}>
      ${Object.entries(COLUMNS).map(([title, x]) => html`<text class="title" x=${x} y="12">${title}</text>`)}
      ${bands.map((band) => html`<${Band} key=${band.flow.topic} ...${band} waiting=${waiting} />`)}
    </svg>
  `
}

interface BandProps {
  readonly flow: FlowOfTopic
  readonly top: number
  readonly height: number
  readonly waiting: ReadonlyMap<string, Backlog>
}

function Band({ flow, top, height, waiting }: BandProps) {
  const middle = top + height / 2
  const spread = (count: number, index: number) => middle + (index - (count - 1) / 2) * ROW
  const subscriptions = flow.subscriptions.map((name, index) => ({ name, y: spread(flow.subscriptions.length, index) }))
  const ends = endsOf(flow).map((end, index, all) => ({ ...end, y: spread(all.length, index) }))
  const hub = flow.function === undefined ? undefined : { x: COLUMNS.function, y: middle }
  return html`
    <g>
      <${Link} from=${[COLUMNS.publisher + BOX.width, middle]} to=${[COLUMNS.topic, middle]} />
      ${subscriptions.map(
        ({ name, y }) => html`
          <${Link} from=${[COLUMNS.topic + BOX.width, middle]} to=${[COLUMNS.subscription, y]} />
          ${hub !== undefined && html`<${Link} from=${[COLUMNS.subscription + SUBSCRIPTION_WIDTH, y]} to=${[hub.x, hub.y]} />`}
          <${Box} x=${COLUMNS.subscription} y=${y} width=${SUBSCRIPTION_WIDTH} ...${subscriptionBox(name, waiting.get(name))} />
        `,
      )}
      ${ends.map(({ name, waits, y }) => {
        const from =
          hub === undefined ? [COLUMNS.subscription + SUBSCRIPTION_WIDTH, middle] : [hub.x + BOX.width, middle]
        const count = waits === undefined ? 0 : (waiting.get(name)?.outstanding ?? 0)
        const bad = count > 0 && waits?.bad === true
        return html`
          <${Link} from=${from} to=${[COLUMNS.destination, y]} bad=${bad} />
          <${Box} x=${COLUMNS.destination} y=${y} width=${DESTINATION_WIDTH} text=${waits?.text ?? name} note=${waits === undefined ? '' : String(count)} tone=${bad ? 'bad' : waits === undefined ? 'end' : 'quiet'} />
        `
      })}
      <${Box} x=${COLUMNS.publisher} y=${middle} width=${BOX.width} text=${publisherOf(flow)} tone="outside" />
      <${Box} x=${COLUMNS.topic} y=${middle} width=${BOX.width} text=${flow.topic} tone="topic" />
      ${hub !== undefined && html`<${Box} x=${hub.x} y=${hub.y} width=${BOX.width} text=${flow.function} tone="function" />`}
    </g>
  `
}

interface BoxProps {
  readonly x: number
  /** Its middle. */
  readonly y: number
  readonly width: number
  readonly text: string
  readonly note?: string
  readonly tone?: string
}

function Box({ x, y, width, text, note = '', tone = '' }: BoxProps) {
  return html`
    <g class=${`box ${tone}`}>
      <rect x=${x + 0.5} y=${y - BOX.height / 2} width=${width - 1} height=${BOX.height} rx="5" />
      <text x=${x + 10} y=${y + 4}>${text}</text>
      ${note !== '' && html`<text class="note" x=${x + width - 10} y=${y + 4} text-anchor="end">${note}</text>`}
    </g>
  `
}

type Point = readonly [x: number, y: number]

function Link({ from: [x1, y1], to: [x2, y2], bad = false }: { from: Point; to: Point; bad?: boolean }) {
  const bend = (x1 + x2) / 2
  return html`<path class=${bad ? 'link bad' : 'link'} d=${`M${x1} ${y1} C${bend} ${y1} ${bend} ${y2} ${x2} ${y2}`} />`
}

function subscriptionBox(name: string, backlog: Backlog | undefined) {
  if (backlog === undefined || backlog.outstanding === 0)
    return { text: name, note: backlog?.paused ? 'paused' : '', tone: '' }
  const oldest = backlog.oldestMs === undefined ? '' : `, ${age(backlog.oldestMs)}`
  return {
    text: name,
    note: `${backlog.outstanding.toLocaleString('en')}${oldest}`,
    tone: backlog.waiting > 0 ? 'busy' : 'active',
  }
}

interface End {
  readonly name: string
  /** What waits there is told; `bad` is something that somebody has to look at. */
  readonly waits?: { readonly text: string; readonly bad: boolean }
}

function endsOf({ destinations, deadLetters }: FlowOfTopic): readonly End[] {
  return [
    ...destinations.map((name) => ({ name })),
    ...deadLetters.map((name, index) => ({
      name,
      waits: index === 0 ? { text: 'dead letters', bad: true } : { text: 'not sent', bad: false },
    })),
  ]
}

function publisherOf({ publisher, function: fn }: FlowOfTopic): string {
  if (publisher !== undefined) return `Customer.io, ${publisher}`
  return fn === undefined ? 'log of every function' : 'your applications'
}

function summaryOf(flows: readonly FlowOfTopic[]): string {
  const ways = flows.map(
    (flow) =>
      `${publisherOf(flow)} to topic ${flow.topic}, to ${[flow.function, ...flow.destinations].filter(Boolean).join(', to ')}`,
  )
  return `The pipeline: ${ways.join('; ')}. The table below has the numbers.`
}
