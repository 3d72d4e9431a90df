import { request } from 'node:http'
import { CONSOLE_URL, open, REFUSED, screenshot, takeComplaints, useBrowser } from './session.ts'

useBrowser()

/** What others would like to do to whoever looks at the console. */

it('the e-mail that was made to attack does nothing in any of its parts', async () => {
  const page = await open('inbox')
  // Also what the browser refuses is announced as a request, and then fails for that reason.
  const left = new Set<string>()
  page.on('request', (sent) => left.add(sent.url()))
  page.on('requestfailed', (sent) => {
    if (sent.failure()?.errorText === 'csp') left.delete(sent.url())
  })
  const happened: string[] = []
  page.on('dialog', (dialog) => {
    happened.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('popup', (popup) => happened.push(`popup: ${popup.url()}`))
  await page.getByPlaceholder(/Filter/).fill('img src=x')
  await page
    .getByRole('row', { name: /img src=x/ })
    .first()
    .click()
  const parts = page.getByRole('tablist', { name: 'Parts of the message' }).getByRole('tab')
  await parts.first().waitFor()
  const title = await page.title()
  for (const part of await parts.all()) {
    await part.click()
    if ((await part.innerText()) !== 'HTML') continue
    const mail = page.frameLocator('iframe[title="HTML of the message"]')
    await mail.getByText('it has not got out of its frame').waitFor()
    await screenshot(page, 'attack')
    for (const trap of ['#js', '#data', '#top', '#self', '#send'])
      await mail
        .locator(trap)
        .click({ force: true, timeout: 2_000 })
        .catch(() => {})
  }
  expect([...left].filter((url) => !url.startsWith(CONSOLE_URL) && !url.startsWith('data:'))).toEqual([])
  expect(happened).toEqual([])
  expect(await page.title()).toBe(title)
  expect(page.url()).toContain(`${CONSOLE_URL}#/inbox/`)
  expect(await page.getByRole('heading', { level: 1, name: 'Inbox' }).isVisible()).toBe(true)
  // It has tried.
  const refused = takeComplaints()
  expect(refused.length).toBeGreaterThan(0)
  for (const each of refused) expect(each).toMatch(REFUSED)
})

it.each([
  ['a foreign host', { host: 'attacker.invalid' }],
  ['a foreign origin', { origin: 'https://attacker.invalid' }],
])('refuses a request with %s', async (_, headers) => {
  const status = await new Promise((resolve, reject) => {
    request(`${CONSOLE_URL}api/now`, { headers }, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end()
  })
  expect(status).toBe(403)
})
