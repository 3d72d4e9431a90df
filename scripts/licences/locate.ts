/** Where Node would find `name` from the package at `from`, "" for the project: in its own node_modules, or in one further up. */
export function locate(name: string, from: string, packages: Readonly<Record<string, unknown>>): string | undefined {
  for (let base = from; ; base = base.slice(0, Math.max(0, base.lastIndexOf('/node_modules/')))) {
    const path = base === '' ? `node_modules/${name}` : `${base}/node_modules/${name}`
    if (path in packages) return path
    if (base === '') return undefined
  }
}
