import { execFile } from 'node:child_process'
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { extname, join, relative, resolve } from 'node:path'
import { promisify } from 'node:util'
import { buildFunctions } from '../build/build.ts'
import { bundlePage } from '../build/console-page.ts'
import { packagesOf, writeContents } from '../licences/contents.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { declare } from './declarations.ts'
import { DEPENDENCIES, ENTRIES, type Entry } from './entries.ts'
import { entryGraph } from './graph.ts'
import { compile, INCLUDED_PACKAGES } from './library.ts'
import { type EntryPeers, type ProjectManifest, packageManifest } from './manifest.ts'

const run = promisify(execFile)

/** What only a checkout can do: the package holds the functions as they were built. */
const NOT_SHIPPED = /^scripts\/build\//

/** Files that compiled code reads from beside itself. */
const ASSETS = [
  'shared/repository/postgres/migrations/0001_tables.sql',
  'shared/repository/postgres/migrations/0002_consent.sql',
  'scripts/local/function-preload.mjs',
]

/** By its name: Python leaves compiled files beside it. */
const PYTHON_TYPES = 'python/customerio_messages.py'

/** Makes the package in a folder, as it will be packed. `bundles`: functions that are built already. */
export async function stagePackage(stage: string, bundles?: string): Promise<void> {
  const project: ProjectManifest = JSON.parse(await readFile(join(PROJECT_ROOT, 'package.json'), 'utf8'))
  const entries = await readEntries()
  await Promise.all([
    bundles === undefined
      ? buildFunctions(join(stage, 'dist'), undefined, { contents: true })
      : cp(bundles, join(stage, 'dist'), { recursive: true }),
    compileLibrary(stage, entries),
    copyTerraform(join(PROJECT_ROOT, 'terraform'), join(stage, 'terraform')),
    cp(join(PROJECT_ROOT, 'shared/contract/json-schema'), join(stage, 'schemas'), { recursive: true }),
    cp(join(PROJECT_ROOT, 'shared/contract', PYTHON_TYPES), join(stage, PYTHON_TYPES)),
    writeConsolePage(join(stage, 'lib/console')),
    copyDocuments(stage),
    cp(join(PROJECT_ROOT, 'LICENSE'), join(stage, 'LICENSE')),
    cp(join(PROJECT_ROOT, 'scripts/package/README.md'), join(stage, 'README.md')),
  ])
  const included = INCLUDED_PACKAGES.map((name) => `node_modules/${name}/package.json`)
  const lockFile: unknown = JSON.parse(await readFile(join(PROJECT_ROOT, 'package-lock.json'), 'utf8'))
  await writeContents(
    stage,
    `${project.name}, besides its functions,`,
    await packagesOf(PROJECT_ROOT, included),
    lockFile,
  )
  await writeFile(join(stage, 'package.json'), `${JSON.stringify(packageManifest(project, entries), null, 2)}\n`)
}

/** Packs a staged package, and gives the tarball's path. */
export async function pack(stage: string, outDir: string): Promise<string> {
  await mkdir(outDir, { recursive: true })
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', resolve(outDir)], { cwd: stage })
  return join(outDir, stdout.trim())
}

type ReadEntries = readonly (EntryPeers[number] & { readonly files: readonly string[] })[]

/** The entries, with the files and the optional peers that each of them needs. */
export async function readEntries(): Promise<ReadEntries> {
  return Promise.all(
    Object.entries<Entry>(ENTRIES).map(async ([name, entry]) => {
      const { files, packages } = await entryGraph(PROJECT_ROOT, entry.source, NOT_SHIPPED)
      const brought: readonly string[] = [...DEPENDENCIES, ...INCLUDED_PACKAGES]
      const peers = [...packages, ...(entry.resolves ?? [])].filter((needed) => !brought.includes(needed)).sort()
      if (peers.length > 0 && !entry.mayNeedPeers) {
        throw new Error(`${entry.source} must not need ${peers.join(', ')}: the package does not bring them along`)
      }
      return { name, entry, peers, files }
    }),
  )
}

/** The page of `cio-gcp console`, which a checkout bundles when it starts one. */
async function writeConsolePage(directory: string): Promise<void> {
  const { script, style } = await bundlePage()
  await mkdir(directory, { recursive: true })
  await Promise.all([writeFile(join(directory, 'page.js'), script), writeFile(join(directory, 'page.css'), style)])
}

async function compileLibrary(stage: string, entries: ReadEntries): Promise<void> {
  const typed = entries.filter(({ entry }) => entry.path !== undefined).map(({ entry }) => entry.source)
  const outDirs = (['esm', 'cjs'] as const).map((format) => join(stage, 'lib', format))
  await Promise.all([
    declare(PROJECT_ROOT, typed, outDirs),
    ...(['esm', 'cjs'] as const).map(async (format) => {
      const outDir = join(stage, 'lib', format)
      const files = new Set(
        entries.filter(({ entry }) => entry.formats.includes(format)).flatMap((entry) => entry.files),
      )
      const code = [...files].filter((file) => ['.ts', '.mjs'].includes(extname(file)))
      const data = [...files].filter((file) => !code.includes(file))
      await compile({ root: PROJECT_ROOT, files: code, outDir, format })
      for (const file of [...data, ...ASSETS]) await cp(join(PROJECT_ROOT, file), join(outDir, file))
    }),
  ])
}

/** What the command's texts and the package's README point to, at the paths that they have in a checkout. */
async function copyDocuments(stage: string): Promise<void> {
  const documents = (await readdir(join(PROJECT_ROOT, 'shared'), { recursive: true }))
    .filter((path) => extname(path) === '.md')
    .map((path) => join('shared', path))
  for (const path of [...documents, 'scripts/cio/README.md', '.github/CHANGELOG.md', '.github/SECURITY.md']) {
    await cp(join(PROJECT_ROOT, path), join(stage, path))
  }
}

/** By extension, so that no state, plan or variable file that lies around gets into a package. */
const TERRAFORM_FILES = new Set(['.tf', '.yaml', '.sql', '.md'])

async function copyTerraform(from: string, to: string): Promise<void> {
  for (const each of await readdir(from, { withFileTypes: true, recursive: true })) {
    const path = join(relative(from, each.parentPath), each.name)
    const isTable = /^tables\/[^/]+\.json$/.test(path)
    const isTransform = /^transforms\/[^/]+\.js$/.test(path)
    if (!each.isFile() || /(^|\/)(tests|\.[^/]*)\//.test(path)) continue
    if (isTable || isTransform || TERRAFORM_FILES.has(extname(path))) await cp(join(from, path), join(to, path))
  }
}
