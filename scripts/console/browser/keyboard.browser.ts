import type { Page } from 'playwright-core'
import { open, useBrowser } from './session.ts'

useBrowser()

/** Without a mouse, and while other things go on. */

const current = (page: Page) => page.locator('tr[aria-current="true"]')
const hasFocus = (page: Page) => page.evaluate('document.activeElement.hasAttribute("data-rows")')

it('goes from the filter through the rows into a message and back', async () => {
  const page = await open('messages')
  await page.getByRole('table').waitFor()
  await page.keyboard.press('/')
  await page.keyboard.type('topic:transactional')
  await page.keyboard.press('Enter')
  expect(await hasFocus(page)).toBe(true)
  await page.keyboard.press('j')
  const first = await current(page).innerText()
  await page.keyboard.press('j')
  expect(await current(page).innerText()).not.toBe(first)
  await page.keyboard.press('k')
  expect(await current(page).innerText()).toBe(first)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: /^transactional/ }).waitFor()
  await page.goBack()
  expect(await page.getByRole('searchbox').inputValue()).toBe('topic:transactional')
})

it('keeps focus, row and place while new rows come in', async () => {
  const page = await open('messages')
  await page.getByRole('table').waitFor()
  for (let presses = 0; presses < 60; presses++) await page.keyboard.press('j')
  const row = await current(page).innerText()
  const top = await current(page).evaluate('(row) => row.getBoundingClientRect().top')
  const count = page.getByRole('main').getByRole('status').first()
  const before = await count.innerText()

  const other = await open('now')
  await other.getByRole('button', { name: 'Publish a sample' }).click()
  await count.filter({ hasNotText: before }).waitFor()

  expect(await hasFocus(page)).toBe(true)
  expect(await current(page).innerText()).toBe(row)
  expect(await current(page).evaluate('(row) => row.getBoundingClientRect().top')).toBe(top)
})

it('moves nothing for who prefers reduced motion', async () => {
  const page = await open('faults', { reducedMotion: true })
  await page.getByRole('switch').first().waitFor()
  const moving = await page.evaluate(`[...document.querySelectorAll('*')].filter((element) => {
    const { transitionDuration, animationDuration } = getComputedStyle(element)
    return [transitionDuration, animationDuration].some((text) => parseFloat(text) > 0.01)
  }).map((element) => element.outerHTML.slice(0, 80))`)
  expect(moving).toEqual([])
})
