import { Session } from 'node:inspector/promises'
import { createRequire, flushCompileCache } from 'node:module'
import { matchesGlob, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const require = createRequire(import.meta.url)
const loaded = new Set<string>()

/**
 * Loads suites as Node does, which strips the types itself. Jest's own runtime runs each suite in a context of its own, which
 * loads the Google clients, zod and Jest itself again: most of the time of all tests. Here a worker loads each module once, so
 * modules keep their state from suite to suite. There are no module mocks.
 */
export default class NodeRuntime {
  readonly #isCovered: (path: string) => boolean
  #covered: readonly object[] = []

  constructor(...[config, , , , , { collectCoverageFrom }]: JestParameters) {
    this.#isCovered = (path) => isIncluded(relative(config.rootDir, path), collectCoverageFrom)
  }

  readonly unstable_shouldLoadAsEsm = () => true

  async unstable_importModule(path: string): Promise<void> {
    if (loaded.has(path)) throw new Error(`${path} has run in this process, which would not see a change: do not watch`)
    loaded.add(path)
    await import(pathToFileURL(path).href)
  }

  readonly requireModule = require

  /** Loads the part of Jest that holds the tests of a suite, for each suite again. */
  requireInternalModule(path: string): unknown {
    delete require.cache[path]
    return require(path)
  }

  readonly setGlobalsForRuntime = () => {}
  readonly enterTestCode = () => {}
  readonly leaveTestCode = () => {}
  readonly getSourceMaps = () => new Map()
  readonly getAllCoverageInfoCopy = () => undefined

  /** Shares what this suite has loaded with the processes of others. */
  readonly teardown = () => flushCompileCache()

  async collectV8Coverage(): Promise<void> {
    await startCoverage()
  }

  async stopCollectingV8Coverage(): Promise<void> {
    const { result } = await (await startCoverage()).post('Profiler.takePreciseCoverage')
    this.#covered = result.flatMap((script) => {
      const path = script.url.startsWith('file:') ? fileURLToPath(script.url) : undefined
      return path !== undefined && this.#isCovered(path) ? [{ result: { ...script, url: path } }] : []
    })
  }

  readonly getAllV8CoverageInfoCopy = () => this.#covered
}

/** What Jest passes to a runtime: no part of its published types. */
type JestParameters = [
  config: { readonly rootDir: string },
  environment: unknown,
  resolver: unknown,
  transformer: unknown,
  sources: unknown,
  coverage: { readonly collectCoverageFrom: readonly string[] },
]

let coverage: Promise<Session> | undefined

/** Counts from the first suite to the end of the worker: V8 counts the branches of no function that it compiled before. */
function startCoverage(): Promise<Session> {
  coverage ??= (async () => {
    const session = new Session()
    session.connect()
    await session.post('Profiler.enable')
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
    return session
  })()
  return coverage
}

/** Whether the patterns name the file; one that begins with `!` takes it out again. */
function isIncluded(path: string, patterns: readonly string[]): boolean {
  const [excluding, including] = [true, false].map((not) => patterns.filter((p) => p.startsWith('!') === not))
  return (
    (including ?? []).some((pattern) => matchesGlob(path, pattern)) &&
    !(excluding ?? []).some((pattern) => matchesGlob(path, pattern.slice(1)))
  )
}
