/** Licences of what is shipped: permissive ones, which ask for no more than a NOTICE. */
const SHIPPED = new Set([
  ...['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0', 'CC0-1.0'],
  'CC-BY-3.0', // spdx-exceptions: a list of names, by its attribution in the NOTICE
])

/** Besides, for tools of development, whose code reaches nobody. */
const DEVELOPMENT = new Set([...SHIPPED, 'MPL-2.0', 'CC-BY-4.0', 'Zlib'])

interface LockedPackage {
  readonly license?: unknown
  readonly dev?: unknown
  readonly dependencies?: Readonly<Record<string, string>>
}

/** Whether an SPDX expression allows use under the licences of a list: one side of OR is enough, AND needs both. */
export function isAllowed(expression: string, licences: ReadonlySet<string>): boolean {
  const inner = expression.trim().replace(/^\(([^()]*)\)$/, '$1')
  if (/[()]/.test(inner)) return false
  return inner.split(/ OR /).some((choice) => choice.split(/ AND /).every((licence) => licences.has(licence.trim())))
}

/**
 * The packages of a lock file whose licence is not on its list.
 *
 * @param shipped names that are declared for development, and that who installs the package installs all the same
 */
export function refusedLicences(
  packages: Readonly<Record<string, LockedPackage>>,
  shipped: readonly string[],
): { readonly shipped: string[]; readonly development: string[] } {
  const names = reachable(packages, shipped)
  const refused = { shipped: [] as string[], development: [] as string[] }
  for (const [path, { dev, license }] of Object.entries(packages)) {
    if (path === '') continue
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
    const isShipped = dev !== true || names.has(name)
    const expression = typeof license === 'string' ? license : 'no licence'
    if (isAllowed(expression, isShipped ? SHIPPED : DEVELOPMENT)) continue
    refused[isShipped ? 'shipped' : 'development'].push(`${path}: ${expression}`)
  }
  return refused
}

/** Names of packages and of all they need: by name, wherever they lie, so that no copy is forgotten. */
function reachable(packages: Readonly<Record<string, LockedPackage>>, from: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>()
  const waiting = [...from]
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (found.has(name)) continue
    found.add(name)
    for (const [path, { dependencies = {} }] of Object.entries(packages)) {
      if (path.endsWith(`node_modules/${name}`)) waiting.push(...Object.keys(dependencies))
    }
  }
  return found
}
