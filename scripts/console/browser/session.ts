import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import axe from 'axe-core'
import { type Browser, chromium, type Page } from 'playwright-core'
import { PROJECT_ROOT } from '../../topology/topology.ts'

export type Theme = 'light' | 'dark'

const VIEWPORT = { width: 1_280, height: 800 } as const

/** Where the console is that `start.ts` started, with the slash. */
export const CONSOLE_URL = process.env.CONSOLE_URL ?? ''
const SCREENSHOTS = join(process.env.CONSOLE_DIRECTORY ?? '', 'screenshots')

let browser: Browser | undefined
/** What went wrong in any page: errors that were thrown or logged, and what the content security policy refused. */
let complaints: string[] = []

/** Gives the tests of a suite a browser, and fails those of which it complains. Every suite calls it once. */
export function useBrowser(): void {
  beforeAll(async () => {
    mkdirSync(SCREENSHOTS, { recursive: true })
    browser = await chromium.launch({
      executablePath: process.env.CHROME_PATH ?? '',
      // As root, which is who runs in a container, Chromium refuses its own sandbox.
      args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-background-networking'],
    })
  })
  afterAll(() => browser?.close())
  beforeEach(() => {
    complaints = []
  })
  afterEach(() => expect(complaints).toEqual([]))
}

/** How the browser says that it has refused what an e-mail tried. */
export const REFUSED = /Content Security Policy|sandboxed|Refused|Blocked|ERR_BLOCKED/

/** What the browser has complained about so far, of which the test then makes what it wants. */
export function takeComplaints(): readonly string[] {
  return complaints.splice(0)
}

/** Opens the console in a browser that has not seen it before. @param path of the page, such as `messages` */
export async function open(
  path = '',
  { theme = 'light', reducedMotion = false }: { readonly theme?: Theme; readonly reducedMotion?: boolean } = {},
): Promise<Page> {
  if (browser === undefined) throw new Error('the browser is not running')
  const context = await browser.newContext({
    ...{ viewport: VIEWPORT, colorScheme: theme, reducedMotion: reducedMotion ? 'reduce' : 'no-preference' },
    permissions: ['clipboard-read', 'clipboard-write'],
  })
  const page = await context.newPage()
  page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.message}`))
  page.on('console', (message) => {
    // What must not happen, and did not: an image of an e-mail was not loaded.
    if (/Loading the image 'https:.*violates.*Content Security Policy/.test(message.text())) return
    if (message.type() === 'error') complaints.push(`${page.url()}: ${message.text()}`)
  })
  await page.goto(`${CONSOLE_URL}#/${path}`)
  await page.getByRole('heading', { level: 1 }).waitFor()
  return page
}

/** The addresses of the pages that have a tab, as `open` takes them. */
export async function tabs(page: Page): Promise<readonly string[]> {
  const links = await page.getByRole('navigation', { name: 'Pages' }).getByRole('link').all()
  const addresses = await Promise.all(links.map((link) => link.getAttribute('href')))
  return addresses.map((address) => (address ?? '').replace(/^#\//, ''))
}

interface Violation {
  readonly id: string
  readonly help: string
  readonly nodes: readonly { readonly target: readonly unknown[]; readonly failureSummary?: string }[]
}

/** What axe finds wrong with the page as it stands: one line for each element. */
export async function violations(page: Page): Promise<readonly string[]> {
  // By the debugger's protocol, to which the content security policy does not apply.
  await page.evaluate(axe.source)
  const found: { violations: Violation[] } = await page.evaluate('axe.run(document, { resultTypes: ["violations"] })')
  return found.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary = '' }) => `${id}: ${help}: ${target.join(' ')} (${failureSummary})`),
  )
}

/** Screenshots that the documents show, with their heights in pixels; `PICTURES=write npm run test:browser` writes them again. */
const PICTURES: ReadonlyMap<string, number> = new Map([
  ['now-light', 565],
  ['journey-message', 640],
])
const PICTURES_FOLDER = join(PROJECT_ROOT, 'scripts/console/pictures')
const LARGEST_PICTURE_BYTES = 150_000

/** Writes `.local/browser/screenshots/<name>.png`. */
export async function screenshot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), animations: 'disabled' })
  const height = PICTURES.get(name)
  if (process.env.PICTURES !== 'write' || height === undefined) return
  const image = await page.screenshot({ clip: { x: 0, y: 0, width: VIEWPORT.width, height }, animations: 'disabled' })
  expect(image.length).toBeLessThan(LARGEST_PICTURE_BYTES)
  writeFileSync(join(PICTURES_FOLDER, `${name}.png`), image)
}
