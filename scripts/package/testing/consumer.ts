import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { type LockFile, lockFileFor } from '../../build/lock.ts'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import { pack, stagePackage } from '../stage.ts'

const run = promisify(execFile)

const manifestSchema = z.object({
  version: z.string(),
  bin: z.record(z.string(), z.string()),
  dependencies: z.record(z.string(), z.string()),
  peerDependencies: z.record(z.string(), z.string()),
  entryPeers: z.record(z.string(), z.record(z.string(), z.string())),
  exports: z.record(z.string(), z.unknown()),
})
type PackageManifest = z.infer<typeof manifestSchema>

/** An application that has the package, in a folder from which nothing of this project can be reached. */
export interface Consumer extends AsyncDisposable {
  readonly folder: string
  /** Of the package. */
  readonly manifest: PackageManifest
  /** Runs Node in the folder, with nothing of the tests' own environment. */
  node(args: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }>
  /** Makes packages of this project available to it, as if it had installed them. */
  link(names: readonly string[]): Promise<void>
}

/** Has the package as it is packed, and links to its dependencies: without npm, which takes longer than all that is tested. */
export async function linkedConsumer(): Promise<Consumer> {
  const folder = await newFolder()
  const where = join(folder, 'node_modules/cio-gcp')
  await stagePackage(where, process.env.TEST_BUNDLES)
  const manifest = await readManifest(where)
  const consumer = consumerIn(folder, manifest)
  await consumer.link(Object.keys(manifest.dependencies))
  return consumer
}

/** Has installed the package with npm, from what npm has packed. */
export async function installedConsumer(): Promise<Consumer> {
  const folder = await newFolder()
  const stage = await mkdtemp(join(tmpdir(), 'cio-gcp-package-'))
  try {
    await stagePackage(stage, process.env.TEST_BUNDLES)
    const manifest = await readManifest(stage)
    await install(await pack(stage, folder), manifest, folder)
    return consumerIn(folder, manifest)
  } finally {
    await rm(stage, { recursive: true })
  }
}

/** With the programs of an application. */
async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cio-gcp-consumer-'))
  await cp(join(PROJECT_ROOT, 'scripts/package/consumer'), folder, { recursive: true })
  return folder
}

async function readManifest(where: string): Promise<PackageManifest> {
  return manifestSchema.parse(JSON.parse(await readFile(join(where, 'package.json'), 'utf8')))
}

function consumerIn(folder: string, manifest: PackageManifest): Consumer {
  return {
    folder,
    manifest,
    node: (args) =>
      run(process.execPath, args, { cwd: folder, env: { PATH: process.env.PATH, HOME: process.env.HOME } }),
    link: async (names) => {
      for (const name of names) {
        const path = join(folder, 'node_modules', name)
        await mkdir(dirname(path), { recursive: true })
        await symlink(join(PROJECT_ROOT, 'node_modules', name), path).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== 'EEXIST') throw error
        })
      }
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  }
}

/** By a lock file with the versions of ours, so that npm takes the very packages that it has in its cache from our own installation. */
async function install(
  tarball: string,
  { version, bin, dependencies }: PackageManifest,
  folder: string,
): Promise<void> {
  const project: LockFile = JSON.parse(await readFile(join(PROJECT_ROOT, 'package-lock.json'), 'utf8'))
  const ours = { version, resolved: `file:${tarball}`, bin, dependencies }
  const consumerManifest = { name: 'consumer', version: '1.0.0', dependencies: { 'cio-gcp': `file:${tarball}` } }
  const lock = lockFileFor(consumerManifest, { packages: { ...project.packages, 'node_modules/cio-gcp': ours } })
  await writeFile(join(folder, 'package.json'), JSON.stringify({ ...consumerManifest, private: true }))
  await writeFile(join(folder, 'package-lock.json'), JSON.stringify(lock))
  await run('npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: folder })
}
