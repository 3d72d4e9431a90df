/**
 * Measures the page of dead letters in a browser, with 10,000 of them in a local stack without functions:
 *
 *   node --expose-gc scripts/console/browser/measure-dead-letters.ts [NUMBER]
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import { connect } from '../../cio/connection.ts'
import { startStack } from '../../local/stack.ts'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import { startConnectedConsole } from '../connected.ts'
import { findChromium } from './chromium.ts'

const FRAMES = 300
const number = Number(process.argv[2] ?? 10_000)
const directory = join(PROJECT_ROOT, '.local', 'measure-dead-letters')
rmSync(directory, { recursive: true, force: true })
const stack = await startStack({ directory, ports: { all: 0 }, functions: [] })
const connection = await connect({ local: true, endpoints: join(directory, 'endpoints.json') })
const topic = stack.client.topic('identify-dead-letter')
await Promise.all(Array.from({ length: number }, (_, index) => topic.publishMessage(deadLetter(index))))
const server = await startConnectedConsole(
  { connection, now: Date.now, signal: new AbortController().signal },
  { port: 0, allowActions: true, masked: false, onError: (error) => console.error(error) },
)
const browser = await chromium.launch({
  executablePath: findChromium(process.env),
  args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-background-networking'],
})
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  await page.goto(`${server.url}#/dead-letters`)
  const beforeBytes = heapBytes()
  const startedMs = performance.now()
  await page.getByRole('button', { name: 'Look', exact: true }).click()
  await page.locator('.groups tbody tr').first().waitFor()
  const groupsMs = performance.now() - startedMs
  await page.locator('[data-rows]').waitFor()
  const rowsMs = performance.now() - startedMs
  console.log(`${number.toLocaleString('en')} dead letters at 1280 x 800:`)
  console.log(`  click to groups          ${groupsMs.toFixed(0)} ms`)
  console.log(`  click to rows            ${rowsMs.toFixed(0)} ms`)
  console.log(`  held by the console      ${((heapBytes() - beforeBytes) / 1e6).toFixed(0)} MB of heap`)
  const frames = (await scroll(page)).toSorted((a, b) => a - b)
  const at = (part: number) => `${(frames[Math.floor(frames.length * part)] ?? 0).toFixed(0)} ms`
  console.log(`  scrolling                p50 ${at(0.5)}, p95 ${at(0.95)} between frames`)
  console.log(`  rows in the document     ${await page.locator('[data-rows] tbody tr').count()}`)
} finally {
  await browser.close()
  await server.close()
  await connection.close()
  await stack.close()
}

function deadLetter(index: number) {
  const isBroken = index % 3 === 0
  return {
    json: {
      identifiers: { id: `user-${index}`, ...(isBroken && { extra: 1 }) },
      attributes: { email: `user-${index}@example.com`, note: 'x'.repeat(300) },
    },
    attributes: {
      ...{ reason: isBroken ? 'contract' : 'exhausted', source_message_id: String(index) },
      error: isBroken ? 'identifiers.extra: unknown field' : 'Customer.io answered 503: down',
    },
  }
}

function heapBytes(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

/** Milliseconds between frames, a screen per frame. */
async function scroll(page: Page): Promise<readonly number[]> {
  return await page.evaluate<number[]>(`new Promise((resolve) => {
    const rows = document.querySelector('[data-rows]')
    const times = []
    let last = performance.now()
    const step = (now) => {
      times.push(now - last)
      last = now
      rows.scrollTop += rows.clientHeight
      if (times.length < ${FRAMES}) requestAnimationFrame(step)
      else resolve(times)
    }
    requestAnimationFrame(step)
  })`)
}
