import { readFileSync } from 'node:fs'
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

/**
 * Lets the modules below a folder be loaded again in the same process: a mutant in a module's top level takes effect only
 * when the module is loaded, and a mutant must not find what another has left in a module's variables. Packages stay loaded.
 */
export class Reload {
  readonly #folder: string
  readonly #sources = new Map<string, string>()
  #generation = 0

  constructor(folder: string) {
    this.#folder = `${pathToFileURL(folder).href}/`
    registerHooks({
      resolve: (specifier, context, next) => {
        const resolved = next(specifier, context)
        return this.#isOurs(resolved.url) ? { ...resolved, url: this.#versioned(resolved.url) } : resolved
      },
      load: (url, context, next) => {
        const path = url.split('?', 1)[0] ?? url
        if (!this.#isOurs(path) || !path.endsWith('.ts')) return next(url, context)
        return { format: 'module', source: this.#source(path), shortCircuit: true }
      },
    })
  }

  /** From here on, an import of a module below the folder loads it again. */
  next(): void {
    this.#generation++
  }

  #isOurs(url: string): boolean {
    return url.startsWith(this.#folder) && !url.includes('/node_modules/')
  }

  #versioned(url: string): string {
    return `${url.split('?', 1)[0]}?generation=${this.#generation}`
  }

  #source(url: string): string {
    const known = this.#sources.get(url)
    if (known !== undefined) return known
    const source = stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8'))
    this.#sources.set(url, source)
    return source
  }
}
