/**
 * Measures the page of messages in a browser, with 100,000 messages in the list:
 *
 *   node scripts/console/browser/measure.ts [NUMBER]
 *
 * The messages are made up: no stack runs, so that the figures are those of the page and of the console's process.
 */
import { EventEmitter } from 'node:events'
import { chromium, type Page } from 'playwright-core'
import { systemClock } from '../../../shared/clock/index.ts'
import type { PubSubEvents } from '../../emulators/pubsub/index.ts'
import { MessageLog } from '../../local/message-log.ts'
import { readTopology } from '../../topology/topology.ts'
import { areaMessages } from '../areas/messages/messages.ts'
import { startConsole } from '../console.ts'
import { findChromium } from './chromium.ts'

const ROUNDS = 5
const LIVE_PER_SECOND = 1_000
const LIVE_SECONDS = 5

/** The distances between frames while something happens, in milliseconds. */
interface Frames {
  readonly frames: number
  readonly p50: number
  readonly p95: number
  readonly longest: number
}

const number = Number(process.argv[2] ?? 100_000)
const events = new EventEmitter<PubSubEvents>()
const log = new MessageLog({ topology: readTopology(), projectId: 'p', events, mostMessages: number })
for (let index = 0; index < number; index++) publish(index)
const server = await startConsole({
  ...{
    port: 0,
    environment: 'local',
    flags: '--local',
    deployed: false,
    areas: [areaMessages(log)],
    clock: systemClock,
  },
  onError: (error) => console.error(error),
})
const browser = await chromium.launch({
  executablePath: findChromium(process.env),
  args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-background-networking'],
})
try {
  const loads: Load[] = []
  for (let round = 0; round < ROUNDS; round++) loads.push(await load())
  const medianOf = (name: 'paintMs' | 'rowsMs' | 'allMs') => median(loads.map((each) => each[name])).toFixed(0)
  console.log(`${number.toLocaleString('en')} messages, median of ${ROUNDS} loads at 1280 x 800:`)
  console.log(`  first paint              ${medianOf('paintMs')} ms`)
  console.log(`  first rows               ${medianOf('rowsMs')} ms`)
  console.log(`  every message loaded     ${medianOf('allMs')} ms`)
  const page = await open()
  await loaded(page)
  console.log(`  scrolling, whole list    ${shown(await scrolling(page))}`)
  console.log(`  typing a filter          ${shown(await typing(page))}`)
  console.log(`  ${LIVE_PER_SECOND} changes per second  ${shown(await living(page))}`)
  console.log(`  rows in the document     ${await page.locator('.rows tbody tr').count()}`)
} finally {
  await browser.close()
  await server.close()
}

function publish(index: number): void {
  const body = { identifiers: { id: `person-${index % 5_000}` }, name: `event_${index % 40}`, attributes: { n: index } }
  const messageId = String(1_700_000_000_000_000 + index)
  events.emit('published', {
    ...{ topic: 'projects/p/topics/track', messageId, attributes: {}, orderingKey: '', publishTimeMs: Date.now() },
    data: Buffer.from(JSON.stringify(body)),
  })
}

async function blank(): Promise<Page> {
  return await (await browser.newContext({ viewport: { width: 1_280, height: 800 } })).newPage()
}

async function open(): Promise<Page> {
  const page = await blank()
  await page.goto(`${server.url}#/messages`)
  return page
}

/** Resolves when the page counts every message. */
async function loaded(page: Page): Promise<void> {
  await page.getByText(number.toLocaleString('en'), { exact: true }).waitFor()
}

/** In milliseconds since the address was entered. */
interface Load {
  readonly paintMs: number
  readonly rowsMs: number
  readonly allMs: number
}

async function load(): Promise<Load> {
  const page = await blank()
  const startedMs = performance.now()
  await page.goto(`${server.url}#/messages`)
  await page.locator('.rows tbody tr:not(.space)').first().waitFor()
  const rowsMs = performance.now() - startedMs
  await loaded(page)
  const allMs = performance.now() - startedMs
  const paintMs = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0)
  await page.context().close()
  return { paintMs, rowsMs, allMs }
}

/** From top to bottom in 300 steps, one per frame. */
async function scrolling(page: Page): Promise<Frames> {
  const times = await page.evaluate(async () => {
    const rows = document.querySelector('.rows')
    const times: number[] = []
    if (rows === null) return times
    const steps = 300
    for (let step = 0; step <= steps; step++) {
      rows.scrollTop = ((rows.scrollHeight - rows.clientHeight) * step) / steps
      times.push(await new Promise<number>((resolve) => requestAnimationFrame(resolve)))
    }
    rows.scrollTop = 0
    return times
  })
  return framesOf(times)
}

/** Letter by letter: each one looks at every message. */
async function typing(page: Page): Promise<Frames> {
  await watchFrames(page)
  await page.getByRole('searchbox').pressSequentially('event_17 person:person-1', { delay: 60 })
  const frames = framesOf(await framesSeen(page))
  await page.getByRole('searchbox').fill('')
  return frames
}

/** New messages come in while somebody is looking at older ones. */
async function living(page: Page): Promise<Frames> {
  await page.evaluate(() => document.querySelector('.rows')?.scrollTo(0, 20_000))
  await watchFrames(page)
  const every = 50
  for (let batch = 0; batch < (LIVE_SECONDS * 1_000) / every; batch++) {
    for (let index = 0; index < (LIVE_PER_SECOND * every) / 1_000; index++) publish(number + batch * 1_000 + index)
    await page.waitForTimeout(every)
  }
  return framesOf(await framesSeen(page))
}

async function watchFrames(page: Page): Promise<void> {
  await page.evaluate(() => {
    const seen: number[] = []
    Object.assign(window, { seen, watching: true })
    const next = (time: number) => {
      seen.push(time)
      if (Reflect.get(window, 'watching')) requestAnimationFrame(next)
    }
    requestAnimationFrame(next)
  })
}

async function framesSeen(page: Page): Promise<readonly number[]> {
  return await page.evaluate((): number[] => {
    Object.assign(window, { watching: false })
    return Reflect.get(window, 'seen')
  })
}

function framesOf(times: readonly number[]): Frames {
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? time))
  const sorted = gaps.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { frames: sorted.length, p50: at(0.5), p95: at(0.95), longest: at(1) }
}

function shown({ frames, p50, p95, longest }: Frames): string {
  return `${frames} frames, ${p50.toFixed(1)} ms p50, ${p95.toFixed(1)} ms p95, ${longest.toFixed(0)} ms longest`
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
