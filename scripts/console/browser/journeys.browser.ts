import type { Page } from 'playwright-core'
import { misbehave } from './local-customerio.ts'
import { open, screenshot, useBrowser } from './session.ts'

useBrowser()

/** What a person does, from publish to what comes back, without ever loading the page again. */

jest.setTimeout(120_000)
/** Retries come after ten seconds at first, and Customer.io is asked about an uncertain send after three. */
const RETRIED = { timeout: 60_000 }

const tab = (page: Page, name: string) =>
  page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name, exact: true }).click()

/** Fills in the form from an example, with changes to the JSON, and sends it. Gives the message's id. */
async function publish(
  page: Page,
  topic: string,
  change: (message: Record<string, unknown>) => object,
  broken = false,
) {
  await tab(page, 'Publish')
  await page.getByLabel('Topic').selectOption(topic)
  await page.getByLabel('Example').selectOption({ index: 1 })
  const text = page.getByLabel('Message as JSON')
  await text.fill(JSON.stringify(change(JSON.parse(await text.inputValue()))))
  await page.getByRole('button', { name: broken ? 'Send it broken' : 'Send', exact: true }).click()
  const link = page.getByRole('status').getByRole('link', { name: /^\d+$/ })
  await link.waitFor()
  return { id: await link.innerText(), open: () => link.click() }
}

/** Gives back what the page holds of the dead letters, so that the next look starts from nothing. */
async function giveBack(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Give back' }).click()
  await page.getByRole('button', { name: 'Look', exact: true }).waitFor()
}

/** A mark on the window that a reload would wipe off. */
const mark = (page: Page) => page.evaluate('window.mark = "still here"')
const isMarked = (page: Page) => page.evaluate('window.mark === "still here"')

it('a receipt is published from the form, arrives in the inbox, is opened there, and the message says so', async () => {
  const page = await open('publish')
  await mark(page)
  const { id } = await publish(page, 'transactional', (message) => ({ ...message, to: 'receipt@example.com' }))
  await tab(page, 'Inbox')
  await page.getByPlaceholder(/Filter/).fill('receipt@example.com')
  await page.getByRole('row', { name: /receipt@example\.com/ }).click()
  await page.getByRole('button', { name: 'Open', exact: true }).click()
  await page.getByRole('row', { name: /opened.*a row in BigQuery/ }).waitFor()
  await screenshot(page, 'journey-opened')
  await page.getByRole('article').getByRole('link', { name: id }).click()
  await page.getByRole('listitem').filter({ hasText: 'opened' }).waitFor()
  await screenshot(page, 'journey-message')
  expect(await isMarked(page)).toBe(true)
})

it('while Customer.io is down the message shows its next attempt, and afterwards that it was delivered', async () => {
  const page = await open('publish')
  await mark(page)
  await tab(page, 'Now')
  await page.getByRole('button', { name: 'Break Customer.io for a minute' }).click()
  await page.getByRole('heading', { name: 'Active faults' }).waitFor()
  await screenshot(page, 'journey-broken')
  const message = await publish(page, 'track', (event) => ({ ...event, name: 'during_the_outage' }))
  await message.open()
  const delivery = page.getByRole('region', { name: 'Delivery' })
  await delivery.getByText(/^[2-9] of \d+$/).waitFor()
  await delivery.getByText(/^in \d+/).waitFor()
  await page.locator('.outcome').filter({ hasText: 'retry' }).waitFor()
  await screenshot(page, 'journey-retry')
  await tab(page, 'Now')
  await page.getByRole('button', { name: 'Restore Customer.io' }).click()
  await page.goBack()
  await page.getByText('Acknowledged').waitFor(RETRIED)
  await page.locator('.outcome').filter({ hasText: 'delivered' }).waitFor(RETRIED)
  expect(await isMarked(page)).toBe(true)
})

it('a refused message is edited and replayed from its page', async () => {
  const page = await open('publish')
  const { id } = await publish(page, 'identify', (message) => ({ ...message, attributes: 'not an object' }), true)
  await tab(page, 'Dead letters')
  await page.getByRole('button', { name: 'Look', exact: true }).click()
  await page.getByPlaceholder(/Filter/).fill(id)
  await page
    .getByRole('row', { name: /contract/ })
    .last()
    .click()
  await screenshot(page, 'journey-dead-letter')
  await page.getByRole('button', { name: 'Edit and replay' }).click()
  const text = page.getByLabel('Attributes and message as JSON')
  await text.fill((await text.inputValue()).replace('"not an object"', '{"plan":"edited"}'))
  await page.getByRole('button', { name: 'Replay the edited message…' }).click()
  await page.getByRole('button', { name: 'Replay it' }).click()
  await giveBack(page)
  await page.evaluate(`location.hash = '#/messages/${id}'`)
  await page
    .getByRole('listitem')
    .filter({ hasText: /accepted by Customer\.io/ })
    .waitFor(RETRIED)
})

it('an uncertain send is settled with the evidence of both sides', async () => {
  const page = await open('publish')
  const recipient = 'uncertain@example.com'
  await misbehave({ on: 'send', count: 1, containing: [recipient], fault: { do: 'reset', processed: false } })
  const { id, open: openMessage } = await publish(page, 'transactional', (message) => ({ ...message, to: recipient }))
  await openMessage()
  await page
    .getByText(/uncertain/)
    .first()
    .waitFor()
  await page.getByText('Acknowledged').waitFor(RETRIED)
  await tab(page, 'Dead letters')
  await page.getByRole('button', { name: 'Look', exact: true }).click()
  await page.getByPlaceholder(/Filter/).fill(id)
  await page
    .getByRole('row', { name: /uncertain/ })
    .last()
    .click()
  await page.getByRole('button', { name: 'Ask ledger and Customer.io' }).click()
  await page.getByText(/Lists between/).waitFor()
  await screenshot(page, 'journey-settle')
  await page.getByRole('button', { name: 'It was not: send it now…' }).click()
  await page.getByRole('button', { name: 'Send it now', exact: true }).click()
  await giveBack(page)
  await tab(page, 'Inbox')
  await page.getByPlaceholder(/Filter/).fill(recipient)
  await page.getByRole('row', { name: /uncertain@example\.com/ }).waitFor(RETRIED)
})
