import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PROJECT_ROOT } from '../../topology/topology.ts'

/** The browser's code, as one file each. */
export interface Page {
  readonly script: string
  readonly style: string
}

/** What the page is told as it loads. */
export interface PageFacts {
  readonly token: string
  /** The areas that are served, and with them the pages. */
  readonly areas: readonly string[]
  /** What can be listened to: without a feed, a page shows what somebody has asked for. */
  readonly feeds: readonly string[]
  /** What the pages are about: `local`, or the name of an environment. */
  readonly environment: string
  /** Options that name it to the command line: `--env prod`. */
  readonly flags: string
  /** Whether it is a deployment, where data are masked and queries cost. */
  readonly deployed: boolean
}

/** Bundles the page from its sources; the package, which has none, brings it along. */
export async function loadPage(): Promise<Page> {
  const packaged = join(PROJECT_ROOT, 'lib/console')
  if (!existsSync(join(PROJECT_ROOT, 'scripts/console/page'))) {
    const [script, style] = await Promise.all(
      ['page.js', 'page.css'].map((file) => readFile(join(packaged, file), 'utf8')),
    )
    return { script: script ?? '', style: style ?? '' }
  }
  // Not in the package, so not imported above.
  const { bundlePage } = await import('../../build/console-page.ts')
  return await bundlePage()
}

/** The document that loads the page. Everything in it is escaped. */
export function documentOf(facts: PageFacts): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="console" content="${escaped(JSON.stringify(facts))}">
<title>cio-gcp ${escaped(facts.environment)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/page.css">
<script type="module" src="/page.js"></script>
</head>
<body></body>
</html>
`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
