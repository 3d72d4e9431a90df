import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { build } from 'esbuild'

export type Format = 'esm' | 'cjs'

/**
 * Packages whose code goes into the tarball: small, without dependencies of their own, and needed where an application
 * should have to install nothing else.
 */
export const INCLUDED_PACKAGES = ['yaml'] as const

/** What ES modules know of their place, in CommonJS. */
const COMMONJS_PLACE = {
  'import.meta.dirname': '__dirname',
  'import.meta.filename': '__filename',
  'import.meta.url': 'importMetaUrl',
}
const COMMONJS_URL = "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;"

export interface Compilation {
  readonly root: string
  /** Files to compile, relative to `root`. */
  readonly files: readonly string[]
  readonly outDir: string
  readonly format: Format
}

/**
 * Compiles file by file, and does not bundle: two entries that use a part share it, so that an error thrown by the one is
 * `instanceof` the class that the other exports.
 */
export async function compile({ root, files, outDir, format }: Compilation): Promise<void> {
  await build({
    entryPoints: files.map((file) => join(root, file)),
    outbase: root,
    outdir: outDir,
    bundle: true, // so that imports are resolved; everything but the file itself is external
    format,
    platform: 'node',
    target: 'node22',
    logLevel: 'warning',
    ...(format === 'cjs' && {
      define: COMMONJS_PLACE,
      banner: { js: COMMONJS_URL },
      // Jest runs CommonJS in a context that has no import().
      supported: { 'dynamic-import': false },
    }),
    plugins: [
      {
        name: 'file-by-file',
        setup: ({ onResolve }) => {
          onResolve({ filter: /.*/ }, ({ path, kind, importer }) => {
            if (kind === 'entry-point') return undefined
            const included = INCLUDED_PACKAGES.find((name) => name === path)
            if (included === undefined) return { path: path.replace(/^(\.{1,2}\/.*)\.ts$/, '$1.js'), external: true }
            const from = dirname(resolve(outDir, relative(root, importer)))
            return { path: relativeImport(from, resolve(outDir, 'included', `${included}.js`)), external: true }
          })
        },
      },
    ],
  })
  await build({
    entryPoints: INCLUDED_PACKAGES.map((name) => ({ in: name, out: name })),
    absWorkingDir: root,
    outdir: join(outDir, 'included'),
    bundle: true,
    format,
    platform: 'neutral', // its ES module, which has names to import; for Node, packages often offer CommonJS only
    target: 'node22',
    logLevel: 'warning',
  })
  await mkdir(outDir, { recursive: true })
  const type = format === 'esm' ? 'module' : 'commonjs'
  await writeFile(join(outDir, 'package.json'), `${JSON.stringify({ type })}\n`)
}

function relativeImport(from: string, to: string): string {
  const path = relative(from, to)
  return path.startsWith('.') ? path : `./${path}`
}
