import {
  CONSOLE_URL,
  open,
  REFUSED,
  screenshot,
  type Theme,
  tabs,
  takeComplaints,
  useBrowser,
  violations,
} from './session.ts'

useBrowser()

/** Every page with a tab, whatever there is, and one message: for everybody, in both themes. */

it.each<Theme>(['light', 'dark'])(
  'every page is without a violation that axe knows, in the %s theme',
  async (theme) => {
    const page = await open('', { theme })
    const found: string[] = []
    const look = async (name: string) => {
      // What it shows first has come when nothing is asked for any more; the stream of events stays open.
      await page.waitForTimeout(500)
      for (const violation of await violations(page)) found.push(`${name}: ${violation}`)
      await screenshot(page, `${name}-${theme}`)
    }
    const addresses = await tabs(page)
    expect(addresses.length).toBeGreaterThan(1)
    for (const address of addresses) {
      await page.evaluate(`location.hash = '#/${address}'`)
      await look(address.replaceAll('/', '-') || 'first')
    }
    // The newest e-mail is open, and may be the one that was made to attack (safety.browser.ts).
    const ofTheMail = (complaint: string) => complaint.startsWith(`${CONSOLE_URL}#/inbox/`) && REFUSED.test(complaint)
    expect(takeComplaints().filter((complaint) => !ofTheMail(complaint))).toEqual([])
    await page.evaluate(`location.hash = '#/messages'`)
    await page.getByRole('table').waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.waitForURL(/#\/messages\/./)
    await look('message')
    await page.evaluate(`location.hash = '#/dead-letters'`)
    await page.getByRole('button', { name: 'Look', exact: true }).click()
    await page.getByRole('region', { name: 'Dead letters, the oldest first' }).waitFor()
    await look('dead-letters-held')
    await page.getByRole('button', { name: /^Replay/ }).click()
    await page.getByRole('dialog').waitFor()
    await look('dead-letters-replay')
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Facts' }).waitFor()
    await look('dead-letter')
    await page.getByRole('link', { name: 'Dead letters' }).last().click()
    await page.getByRole('button', { name: 'Give back' }).click()
    await page.getByRole('button', { name: 'Look', exact: true }).waitFor()
    expect(found).toEqual([])
  },
)

it('npm start says where everything is in at most 25 lines', () => {
  const printed = process.env.CONSOLE_PRINTED ?? ''
  expect(printed).toContain('Everything is as it should be.')
  expect(printed.split('\n').length).toBeLessThanOrEqual(25)
})
