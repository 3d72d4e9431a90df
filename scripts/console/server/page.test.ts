import { gzipSync } from 'node:zlib'
import { readSources } from '../../structure/imports.ts'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import { loadPage } from './page.ts'

/** What a person waits for, compressed. */
const LARGEST_PAGE_BYTES = 80_000

it('the page is small, and loads nothing from elsewhere', async () => {
  const { script, style } = await loadPage()
  expect(script.length).toBeGreaterThan(10_000)
  expect(style.length).toBeGreaterThan(1_000)
  expect(gzipSync(script).length + gzipSync(style).length).toBeLessThan(LARGEST_PAGE_BYTES)
  expect(style).not.toMatch(/url\(|@import/)
})

it('the page never makes HTML of text', () => {
  const own = [...readSources(PROJECT_ROOT)].filter(([file]) =>
    /^scripts\/console\/page\/.*(?<!\.test)\.ts$/.test(file),
  )
  expect(own.length).toBeGreaterThan(5)
  const offences = own.flatMap(([file, text]) =>
    /innerHTML|outerHTML|insertAdjacentHTML|dangerouslySet|srcdoc|document\.write|\beval\(|new Function/i.test(text)
      ? [file]
      : [],
  )
  expect(offences).toEqual([])
})
