import { type FSWatcher, mkdirSync, mkdtempSync, rmSync, watch as watchFolder } from 'node:fs'
import { join, relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { FunctionBuild } from '../build/rebuild.ts'
import type { FunctionProcess } from './function-process.ts'

/** What became of a saved source. */
export interface Reload {
  readonly name: string
  /** From the change until the new build takes requests, in milliseconds. */
  readonly tookMs: number
  /** Why the function runs on as it was; undefined when it was replaced. */
  readonly error?: string
}

export interface ReloaderOptions {
  readonly builds: readonly Pick<FunctionBuild, 'name' | 'into'>[]
  readonly functions: Readonly<Record<string, Pick<FunctionProcess, 'name' | 'code' | 'source' | 'replace'>>>
  /** The files that each function is made of, as paths from `root`. */
  readonly inputs: ReadonlyMap<string, readonly string[]>
  /** Folder of the sources. */
  readonly root: string
  /** Where builds go. */
  readonly directory: string
  /** Holds back whatever is sent to a function while it is replaced. */
  readonly quiet: (name: string, during: () => Promise<void>) => Promise<void>
  readonly report: (reload: Reload) => void
  /** Milliseconds. */
  readonly now: () => number
  readonly watch?: (
    folder: string,
    options: { readonly recursive: true },
    listener: (event: string, file: string | null) => void,
  ) => FSWatcher
}

/** The folders of a root that hold sources of functions. */
const WATCHED = ['functions', 'shared'] as const

/** Editors write a file in several steps, and people save several files at once. */
const SETTLE_MS = 30

/** Replaces running functions by new builds when one of their sources is saved. */
export class Reloader {
  readonly #options: ReloaderOptions
  readonly #inputs: Map<string, ReadonlySet<string>>
  /** Functions whose last build failed: anything may mend them, such as a file that was missing. */
  readonly #broken = new Set<string>()
  readonly #changed = new Map<string, number>()
  readonly #watchers
  #working: Promise<void> | undefined
  #closed = false

  constructor(options: ReloaderOptions) {
    this.#options = options
    const { watch = watchFolder } = options
    this.#inputs = new Map([...options.inputs].map(([name, files]) => [name, new Set(files)]))
    this.#watchers = WATCHED.map((folder) => {
      const watcher = watch(join(options.root, folder), { recursive: true }, (_event, file) => {
        if (file !== null) this.#onChange(`${folder}/${file.replaceAll('\\', '/')}`)
      })
      // Such as too many open files, or a folder that was removed: the functions run on as they are.
      return watcher.on('error', ({ message }) => {
        watcher.close()
        options.report({ name: folder, tookMs: 0, error: `no longer watched, start again to go on: ${message}` })
      })
    })
  }

  /** Stops watching; resolves when what had begun is over. */
  async close(): Promise<void> {
    this.#closed = true
    for (const watcher of this.#watchers) watcher.close()
    await this.#working
  }

  #onChange(file: string): void {
    for (const [name, inputs] of this.#inputs) {
      if (!this.#changed.has(name) && (inputs.has(file) || this.#broken.has(name)))
        this.#changed.set(name, this.#options.now())
    }
    if (this.#changed.size > 0) this.#working ??= this.#work().finally(() => (this.#working = undefined))
  }

  async #work(): Promise<void> {
    while (this.#changed.size > 0 && !this.#closed) {
      await delay(SETTLE_MS)
      const changed = [...this.#changed]
      this.#changed.clear()
      await Promise.all(changed.map(([name, sinceMs]) => this.#reload(name, sinceMs)))
    }
  }

  async #reload(name: string, sinceMs: number): Promise<void> {
    const { builds, functions, directory, quiet, report, now } = this.#options
    const build = builds.find((each) => each.name === name)
    // More than one where a bulk lane runs the same code.
    const running = Object.values(functions).filter(({ code }) => code === name)
    const [first] = running
    if (build === undefined || first === undefined) return
    mkdirSync(directory, { recursive: true })
    const folder = mkdtempSync(join(directory, `${name}-`))
    const former = first.source
    try {
      this.#inputs.set(name, new Set(await build.into(folder)))
      for (const fn of running) await fn.replace(folder, (switchOver) => quiet(fn.name, switchOver))
    } catch (error) {
      this.#broken.add(name)
      // Of two that run the same code, the first may run it by now: parts of it are loaded when they are needed.
      if (!running.some(({ source }) => source === folder)) rmSync(folder, { recursive: true, force: true })
      report({ name, tookMs: now() - sinceMs, error: error instanceof Error ? error.message : String(error) })
      return
    }
    this.#broken.delete(name)
    if (!relative(directory, former).startsWith('..')) rmSync(former, { recursive: true, force: true })
    report({ name, tookMs: now() - sinceMs })
  }
}
