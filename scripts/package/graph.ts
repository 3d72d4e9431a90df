import { builtinModules } from 'node:module'
import { relative, resolve } from 'node:path'
import { build } from 'esbuild'

/** What an entry of the package loads, directly or by way of others, at its import or later. */
export interface EntryGraph {
  /** Files of this project, relative to its folder. */
  readonly files: readonly string[]
  /** Other packages, by name. */
  readonly packages: readonly string[]
}

const BUILT_IN = new Set(builtinModules)

/** Follows the imports of one file. Type imports do not count: nothing is left of them at run time. */
export async function entryGraph(root: string, entry: string, notShipped: RegExp): Promise<EntryGraph> {
  const packages = new Set<string>()
  const { metafile } = await build({
    entryPoints: [resolve(root, entry)],
    absWorkingDir: root,
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    outdir: resolve(root, 'unwritten'),
    logLevel: 'error',
    plugins: [
      {
        name: 'graph',
        setup: ({ onResolve }) => {
          onResolve({ filter: /^[^./]/ }, ({ path }) => {
            if (path.startsWith('node:') || BUILT_IN.has(path)) return { path, external: true }
            packages.add(packageOf(path))
            return { path, external: true }
          })
          onResolve({ filter: /^\./ }, ({ path, resolveDir }) =>
            notShipped.test(relative(root, resolve(resolveDir, path))) ? { path, external: true } : undefined,
          )
        },
      },
    ],
  })
  return { files: Object.keys(metafile.inputs).sort(), packages: [...packages].sort() }
}

/** `@scope/name` or `name` of an import such as `@scope/name/deep/file.js`. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}
