import { PROJECT_ROOT } from '../topology/topology.ts'
import { readSources } from './imports.ts'

/**
 * Time, randomness and the process are passed in, so that the product runs under virtual time and tests need no mocks.
 * Only composition roots (`functions/<name>/index.ts`) and `shared/clock` reach for them.
 */

const REACHES = [
  /\bDate\.now\b/,
  /\bnew Date\(\)/,
  /\bset(?:Timeout|Interval|Immediate)\b/,
  /\bMath\.random\b/,
  /\brandomUUID\b/,
  /\bperformance\.\w+/,
  /\b(?:system|steady)Clock\b/,
]
const PROCESS = /\bprocess\.\w+/
/** A parameter or variable that only has the name of the global. */
const OWN_PROCESS = /[(,]\s*process: |\b(?:const|let) process\b/

/** What a file may reach for all the same, and why. */
const EXCEPTIONS: Readonly<Record<string, { readonly for: readonly string[]; readonly because: string }>> = {
  'shared/runtime/host.ts': { for: ['Math.random'], because: 'it makes what the composition roots hand out' },
  'shared/runtime/caught-up.ts': { for: ['setImmediate'], because: 'a turn of the loop is no time' },
  'shared/runtime/line-buffer.ts': { for: ['setImmediate'], because: 'the end of a turn is no time' },
  'shared/ledger/simulation/world.ts': { for: ['setImmediate'], because: 'its virtual time passes in turns' },
  'shared/publisher/publisher.ts': {
    for: ['systemClock', 'randomUUID'],
    because: 'an application makes it: its constructor is the composition root',
  },
  'shared/repository/repository.ts': { for: ['systemClock'], because: 'an application makes it, as the publisher' },
  'shared/customerio/transport.ts': {
    for: ['process.getBuiltinModule'],
    because: 'an import of node:http would load the whole of undici at every cold start',
  },
  'shared/google-api/http2.ts': {
    for: ['process.getBuiltinModule'],
    because: 'an import of node:http2 would be a tenth of every cold start, also where nothing connects',
  },
}

const isRoot = (file: string) => /^functions\/[^/]+\/index\.ts$/.test(file) || file === 'shared/clock/index.ts'
const isForTests = (file: string) => file.endsWith('.test.ts') || /\/testing\/|\/testing\.ts$/.test(file)
const withoutComments = (text: string) => text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '$1')

/** What a file reaches for, in its own words. */
function reachesOf(text: string): string[] {
  const code = withoutComments(text)
  const patterns = OWN_PROCESS.test(code) ? REACHES : [...REACHES, PROCESS]
  return [...new Set(patterns.flatMap((pattern) => code.match(new RegExp(pattern, 'g')) ?? []))]
}

const product = [...readSources(PROJECT_ROOT)].filter(
  ([file]) => /^(functions|shared)\//.test(file) && !isRoot(file) && !isForTests(file),
)

it('nothing below a composition root reaches for the time, randomness or the process', () => {
  const found = product.flatMap(([file, text]) =>
    reachesOf(text)
      .filter((reach) => !EXCEPTIONS[file]?.for.includes(reach))
      .map((reach) => `${file}: ${reach}`),
  )
  expect(found).toEqual([])
})

it('every exception is still needed', () => {
  const files = new Map(product)
  const needless = Object.entries(EXCEPTIONS).flatMap(([file, exception]) => {
    const reaches = reachesOf(files.get(file) ?? '')
    return exception.for.filter((reach) => !reaches.includes(reach)).map((reach) => `${file}: ${reach}`)
  })
  expect(needless).toEqual([])
})

it.each([
  ['const at = Date.now()', ['Date.now']],
  ['const clock = Date.now', ['Date.now']],
  ['new Date()', ['new Date()']],
  ['new Date(clock.now())', []],
  ["import { setTimeout as delay } from 'node:timers/promises'", ['setTimeout']],
  ['process.env.PORT', ['process.env']],
  ['function f(process: EndingProcess) { process.exit(0) }', []],
  ['// Date.now is passed in\n/** as `Date.now` */', []],
])('sees in %j: %j', (text, reaches) => {
  expect(reachesOf(text)).toEqual(reaches)
})
