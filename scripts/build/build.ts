import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { build, type BuildOptions as EsbuildOptions, type OutputFile, type Plugin } from 'esbuild'
import { packagesOf, writeContents } from '../licences/contents.ts'
import { bundleNames, PROJECT_ROOT, readTopology } from '../topology/topology.ts'
import { httpAsItIs } from './http-as-is.ts'
import { leaveOutUnused, refuseMissing } from './leave-out.ts'
import { type LockFile, lockFileFor, lockFileOfLink, type Manifest } from './lock.ts'
import { outputFolder } from './output-folder.ts'
import { ownMapsOnly } from './own-maps.ts'
import { withoutExpress } from './without-express.ts'

/** The registry in which a function announces itself: it must exist once in a process. */
const FRAMEWORK = '@google-cloud/functions-framework'
/** What the platform starts: the framework's command line. */
const FRAMEWORK_MAIN = createRequire(import.meta.url)
  .resolve(FRAMEWORK)
  .replace(/index\.js$/, 'main.js')
/** In a function's folder: the package that stands in the place of the framework, bundled with the function. */
const FRAMEWORK_FOLDER = 'functions-framework'
const FRAMEWORK_BIN = { 'functions-framework': 'main.mjs' }

/** The Google clients are CommonJS: at run time they look for names that an ES module does not have. */
const COMMONJS_NAMES = [
  "import { createRequire } from 'node:module'",
  'const require = createRequire(import.meta.url)',
  'const { filename: __filename, dirname: __dirname } = import.meta',
].join(';')

/**
 * Bundles functions, by default every one of the topology, to `<outDir>/<function>/`: index.mjs, and the package.json and lock
 * file that the build in the cloud installs from. A function carries what it uses and nothing of the others: also the
 * functions framework, unless it is `plain` (shared/runtime/README.md). With `contents` also a NOTICE and an SBOM of what is
 * inside. `plugins` change a part of it, for a measurement.
 */
export async function buildFunctions(
  outDir: string = join(PROJECT_ROOT, 'dist'),
  names: readonly string[] = bundleNames(readTopology()),
  { contents = false, plain = false, plugins = [] }: BuildOptions = {},
): Promise<readonly string[]> {
  const lockFile: LockFile = JSON.parse(await readFile(join(PROJECT_ROOT, 'package-lock.json'), 'utf8'))
  // Only these: a folder that a person names may hold other things.
  await Promise.all(names.map((name) => rm(join(outDir, name), { recursive: true, force: true })))
  const building = { lockFile, contents, plain, plugins }
  await Promise.all(names.map((name) => buildFunction({ ...building, name, ...placesOf(name, outDir) })))
  return names
}

const placesOf = (name: string, outDir: string) => ({
  entry: join(PROJECT_ROOT, 'functions', name, 'index.ts'),
  outDir: join(outDir, name),
})

interface BuildOptions {
  readonly contents?: boolean
  readonly plain?: boolean
  readonly plugins?: readonly Plugin[]
}

interface Building {
  readonly name: string
  /** The file that registers it. */
  readonly entry: string
  readonly outDir: string
  /** Of the project. */
  readonly lockFile: LockFile
  readonly plain: boolean
  readonly plugins?: readonly Plugin[]
  readonly contents?: boolean
}

/** Bundles one function into a folder of its own, ready to deploy. */
export async function buildFunction({
  name,
  entry,
  outDir,
  lockFile,
  plain,
  plugins = [],
  contents = false,
}: Building): Promise<void> {
  const { metafile, outputFiles } = await build(bundleOptions(entry, { plain, plugins }))
  refuseMissing(metafile, plain ? [FRAMEWORK] : [])
  await writeBundle(outputFiles, outDir)
  await writePackage(name, outDir, { lockFile, plain })
  if (contents) {
    const files = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs))
    await writeContents(outDir, `The function ${name}`, await packagesOf(PROJECT_ROOT, files), lockFile)
  }
}

/** Where esbuild takes a bundle to be, below the root: its maps tell the sources from there, whatever folder it is written to. */
const BUNDLE_FOLDER = join('dist', 'function')

/** Writes what {@link bundleOptions} made into a folder, which is made. */
export async function writeBundle(files: readonly OutputFile[], outDir: string, root = PROJECT_ROOT): Promise<void> {
  for (const { path, contents } of files) {
    const file = join(outDir, relative(join(root, BUNDLE_FOLDER), path))
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, contents)
  }
}

/** How a function is bundled; {@link writeBundle} writes it. */
export function bundleOptions(
  entry: string,
  {
    root = PROJECT_ROOT,
    plain = false,
    plugins = [],
  }: Pick<BuildOptions, 'plain' | 'plugins'> & { readonly root?: string },
) {
  return {
    absWorkingDir: root,
    metafile: true,
    write: false,
    outdir: join(root, BUNDLE_FOLDER),
    entryPoints: {
      index: entry,
      // Both share what they have in common, such as the registry in which a function announces itself.
      ...(!plain && { [`${FRAMEWORK_FOLDER}/main`]: FRAMEWORK_MAIN }),
    },
    outExtension: { '.js': '.mjs' },
    bundle: true,
    // What a function imports lazily goes into files of its own, so that a cold start neither reads nor parses it:
    // in one file with the Pub/Sub client, identify took twice as long to start as an empty function.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    banner: { js: COMMONJS_NAMES },
    external: plain ? [FRAMEWORK] : [],
    plugins: [leaveOutUnused, ...(plain ? [] : [withoutExpress, httpAsItIs]), ...plugins, ownMapsOnly],
    // For debuggers, and for the place of an error (shared/errors), which alone reads them.
    sourcemap: 'linked',
    sourcesContent: false,
    // What is not there need not be parsed. Names stay, and lines are short, so that the places in an error's stack still tell.
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 160,
    logLevel: 'warning',
  } satisfies EsbuildOptions
}

/** Writes what the build in the cloud installs from. */
export async function writePackage(
  name: string,
  outDir: string,
  { lockFile, plain }: Pick<Building, 'lockFile' | 'plain'>,
): Promise<void> {
  const frameworkVersion = lockFile.packages[`node_modules/${FRAMEWORK}`]?.version ?? ''
  const manifest: Manifest & { main: string; type: 'module'; private: true } = {
    name,
    version: '1.0.0',
    private: true,
    // With this extension the framework need not look for a package.json, and does not load what looks for it.
    main: 'index.mjs',
    type: 'module',
    dependencies: { [FRAMEWORK]: plain ? frameworkVersion : `file:${FRAMEWORK_FOLDER}` },
  }
  await writeJson(join(outDir, 'package.json'), manifest)
  const framework = { name: FRAMEWORK, version: frameworkVersion, private: true, type: 'module', bin: FRAMEWORK_BIN }
  if (!plain) await writeJson(join(outDir, FRAMEWORK_FOLDER, 'package.json'), framework)
  const lock = plain ? lockFileFor(manifest, lockFile) : lockFileOfLink(manifest, FRAMEWORK_FOLDER, framework)
  await writeJson(join(outDir, 'package-lock.json'), lock)
}

async function writeJson(file: string, content: unknown): Promise<void> {
  await writeFile(file, `${JSON.stringify(content, null, 2)}\n`)
}

if (process.argv[1] === import.meta.filename) {
  const args = process.argv.slice(2)
  const plain = args.includes('--plain')
  const outDir = outputFolder(
    args.filter((arg) => arg !== '--plain'),
    `npm run build -- [FOLDER] [--plain]

Bundles every function into FOLDER/<function>; FOLDER is dist by default.
  --plain   leaves the functions framework out: the deployment installs it as it is published (shared/runtime/README.md)`,
  )
  if (outDir !== undefined) {
    void buildFunctions(outDir, undefined, { contents: true, plain }).then((names) =>
      console.log(`built ${names.join(', ')} into ${outDir}`),
    )
  }
}
