import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { packagesOf, projectSbom, type Sbom, writeContents } from '../licences/contents.ts'
import { PROJECT_ROOT, readTopology } from '../topology/topology.ts'
import { leaveOutUnused } from './leave-out.ts'
import { type LockFile, lockFileFor, type Manifest } from './lock.ts'
import { outputFolder } from './output-folder.ts'

/** Loaded by the platform, and the registry in which a function announces itself: it must exist once in a process. */
const FRAMEWORK = '@google-cloud/functions-framework'

/** The Google clients are CommonJS: at run time they look for names that an ES module does not have. */
const COMMONJS_NAMES = [
  "import { createRequire } from 'node:module'",
  'const require = createRequire(import.meta.url)',
  'const { filename: __filename, dirname: __dirname } = import.meta',
].join(';')

/**
 * Bundles functions, by default every one of the topology, to `<outDir>/<function>/`: index.js, and the package.json and lock file that
 * the build in the cloud installs from. With `contents` also a NOTICE and an SBOM of what is inside. A function carries what it uses and nothing of the others.
 */
export async function buildFunctions(
  outDir: string = join(PROJECT_ROOT, 'dist'),
  names: readonly string[] = Object.keys(readTopology().functions),
  { contents = false } = {},
): Promise<readonly string[]> {
  const lockFile: LockFile = JSON.parse(await readFile(join(PROJECT_ROOT, 'package-lock.json'), 'utf8'))
  // Only these: a folder that a person names may hold other things.
  await Promise.all(names.map((name) => rm(join(outDir, name), { recursive: true, force: true })))
  const sbom = contents ? projectSbom(PROJECT_ROOT) : undefined
  await Promise.all(names.map((name) => buildFunction(name, join(outDir, name), lockFile, sbom)))
  return names
}

async function buildFunction(
  name: string,
  outDir: string,
  lockFile: LockFile,
  sbom: Promise<Sbom> | undefined,
): Promise<void> {
  await mkdir(outDir, { recursive: true })
  const { metafile } = await build({
    absWorkingDir: PROJECT_ROOT,
    metafile: true,
    entryPoints: [join(PROJECT_ROOT, 'functions', name, 'index.ts')],
    outdir: outDir,
    bundle: true,
    // What a function imports lazily goes into files of its own, so that a cold start neither reads nor parses it:
    // in one file with the Pub/Sub client, identify took twice as long to start as an empty function.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    banner: { js: COMMONJS_NAMES },
    external: [FRAMEWORK],
    plugins: [leaveOutUnused],
    // What is not there need not be parsed. Names stay, and lines are short, so that the places in an error's stack still tell.
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 160,
    logLevel: 'warning',
  })
  const manifest: Manifest & { main: string; type: 'module'; private: true } = {
    name,
    version: '1.0.0',
    private: true,
    main: 'index.js',
    type: 'module',
    dependencies: { [FRAMEWORK]: lockFile.packages[`node_modules/${FRAMEWORK}`]?.version ?? '' },
  }
  await writeFile(join(outDir, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  if (sbom !== undefined) {
    const files = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs))
    await writeContents(outDir, `The function ${name}`, await packagesOf(PROJECT_ROOT, files), await sbom)
  }
  await writeFile(join(outDir, 'package-lock.json'), `${JSON.stringify(lockFileFor(manifest, lockFile), null, 2)}\n`)
}

if (process.argv[1] === import.meta.filename) {
  const outDir = outputFolder(
    process.argv.slice(2),
    'npm run build -- [FOLDER]\n\nBundles every function into FOLDER/<function>; FOLDER is dist by default.',
  )
  if (outDir !== undefined) {
    void buildFunctions(outDir, undefined, { contents: true }).then((names) =>
      console.log(`built ${names.join(', ')} into ${outDir}`),
    )
  }
}
