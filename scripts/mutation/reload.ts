import { readFileSync } from 'node:fs'
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** In every module that Stryker has instrumented. */
const INSTRUMENTED = '__stryker__'

/**
 * Lets modules below a folder be loaded again in the same process: a mutant in a module's top level takes effect only when
 * the module is loaded, and a mutant must not find what another has left in a module's variables. Those are loaded again that
 * Stryker has instrumented, that import one of them, whether directly or not, or that are imported from outside, as suites are.
 * Everything else stays loaded: the schemas of the contract alone take half a second.
 */
export class Reload {
  readonly #folder: string
  readonly #sources = new Map<string, string>()
  /** The modules that import a module. */
  readonly #importers = new Map<string, Set<string>>()
  /** The generation in which each module was loaded last. */
  readonly #generations = new Map<string, number>()
  /** To be loaded again in this generation. */
  #outdated: ReadonlySet<string> = new Set()
  #generation = 0

  constructor(folder: string) {
    this.#folder = `${pathToFileURL(folder).href}/`
    registerHooks({
      resolve: (specifier, context, next) => {
        const resolved = next(specifier, context)
        if (!this.#isOurs(resolved.url)) return resolved
        const path = pathOf(resolved.url)
        const importers = this.#importers.get(path) ?? new Set()
        this.#importers.set(path, importers.add(pathOf(context.parentURL ?? '')))
        return { ...resolved, url: this.#versioned(path) }
      },
      load: (url, context, next) => {
        const path = pathOf(url)
        if (!this.#isOurs(path) || !path.endsWith('.ts')) return next(url, context)
        return { format: 'module', source: this.#source(path), shortCircuit: true }
      },
    })
  }

  /** From here on, an import of a module that has to do with instrumented ones loads it again. */
  next(): void {
    this.#generation++
    const outdated = new Set<string>()
    const open = [...this.#importers.keys()].filter((path) => this.#isInstrumented(path) || this.#isFromOutside(path))
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      if (outdated.has(path)) continue
      outdated.add(path)
      open.push(...(this.#importers.get(path) ?? []))
    }
    this.#outdated = outdated
  }

  #isInstrumented(path: string): boolean {
    return this.#sources.get(path)?.includes(INSTRUMENTED) ?? false
  }

  #isFromOutside(path: string): boolean {
    return [...(this.#importers.get(path) ?? [])].some((importer) => !this.#isOurs(importer))
  }

  #isOurs(url: string): boolean {
    return url.startsWith(this.#folder) && !url.includes('/node_modules/')
  }

  #versioned(path: string): string {
    const loaded = this.#generations.get(path)
    const generation = loaded === undefined || this.#outdated.has(path) ? this.#generation : loaded
    this.#generations.set(path, generation)
    return `${path}?generation=${generation}`
  }

  #source(url: string): string {
    const known = this.#sources.get(url)
    if (known !== undefined) return known
    const source = stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8'))
    this.#sources.set(url, source)
    return source
  }
}

function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? url
}
