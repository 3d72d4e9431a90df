import { open, screenshot, type Theme, tabs, violations } from './session.ts'

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
    await page.evaluate(`location.hash = '#/messages'`)
    await page.getByRole('table').waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.waitForURL(/#\/messages\/./)
    await look('message')
    expect(found).toEqual([])
  },
)

it('npm start says where everything is in at most 25 lines', () => {
  const printed = process.env.CONSOLE_PRINTED ?? ''
  expect(printed).toContain('Everything is as it should be.')
  expect(printed.split('\n').length).toBeLessThanOrEqual(25)
})
