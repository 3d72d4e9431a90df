import type { PageFacts } from '../server/page.ts'

/** What the document says as it loads: no request is needed before the first paint. */
export const facts: PageFacts = JSON.parse(
  document.querySelector<HTMLMetaElement>('meta[name=console]')?.content ?? 'null',
)
