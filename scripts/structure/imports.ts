import { globSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'

/** What the files of the project import from one another, types included, read from their text. */

/** One file's import of another: the names that it takes, or `all` where they cannot be told (`import()`, `* as`). */
export interface Import {
  /** Path from the project's folder, such as `shared/clock/index.ts`. */
  readonly target: string
  readonly names: readonly string[] | 'all'
}

const STATIC = /^(?:import|export)\s+(?:type\s+)?(?:([^'"]*?)\s+from\s+)?['"](\.{1,2}\/[^'"]+\.ts)['"]/gm
const DYNAMIC = /\bimport\(\s*['"](\.{1,2}\/[^'"]+\.ts)['"]\s*\)/g

/** The imports of a file, by its path and its text. */
export function importsOf(file: string, text: string): readonly Import[] {
  const at = (target: string) => posix.normalize(posix.join(dirname(file), target))
  const found: Import[] = []
  for (const [, clause = '', target = ''] of text.matchAll(STATIC)) {
    const named = clause.match(/\{([\s\S]*)\}/)?.[1]
    found.push({ target: at(target), names: named === undefined ? 'all' : namesIn(named) })
  }
  for (const [, target = ''] of text.matchAll(DYNAMIC)) found.push({ target: at(target), names: 'all' })
  return found
}

/** The names that a file exports. */
export function exportsOf(text: string): readonly string[] {
  const listed = [...text.matchAll(/^export\s+(?:type\s+)?\{([\s\S]*?)\}/gm)].flatMap(([, names = '']) =>
    names.split(',').flatMap((name) => name.trim().match(/(?:\bas\s+)?(\w+)$/)?.[1] ?? []),
  )
  const declared = [
    ...text.matchAll(/^export\s+(?:async\s+)?(?:const|function|class|interface|type|abstract class)\s+(\w+)/gm),
  ]
  return [...listed, ...declared.flatMap(([, name]) => name ?? [])]
}

/** Of `a, type B, c as d`: a, B and c. */
function namesIn(list: string): string[] {
  return list.split(',').flatMap((name) => name.trim().match(/^(?:type\s+)?(\w+)/)?.[1] ?? [])
}

/** Every file of ours with its text, by its path from the project's folder. */
export function readSources(root: string): ReadonlyMap<string, string> {
  const files = globSync('{functions,shared,scripts,terraform}/**/*.ts', { cwd: root }).toSorted()
  return new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]))
}

/**
 * The groups of files of which each leads to every other by imports (Tarjan's strongly connected components of two or
 * more).
 */
export function circles(graph: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const order = new Map<string, number>()
  const open: string[] = []
  const found: string[][] = []

  function visit(file: string): number {
    const own = order.size
    order.set(file, own)
    open.push(file)
    let low = own
    for (const next of graph.get(file) ?? []) {
      if (!graph.has(next)) continue
      if (!order.has(next)) low = Math.min(low, visit(next))
      else if (open.includes(next)) low = Math.min(low, order.get(next) ?? own)
    }
    if (low === own) {
      const members = open.splice(open.indexOf(file))
      if (members.length > 1) found.push(members.toSorted())
    }
    return low
  }

  for (const file of graph.keys()) if (!order.has(file)) visit(file)
  return found
}
