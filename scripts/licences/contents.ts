import { execFile } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'

const run = promisify(execFile)

/** A package whose code is part of what we ship. */
export interface ContainedPackage {
  readonly name: string
  readonly version: string
  /** An SPDX expression. */
  readonly license: string
  /** What its licence wants to go along with its code: its licence and notice files. */
  readonly texts: readonly string[]
}

const manifestSchema = z.object({ name: z.string(), version: z.string(), license: z.string() })
const LICENCE_FILES = /^(licen[cs]e|notice|copying)([.-].*)?$/i

/** The packages that files of a bundle come from, in order of their names. @param files paths relative to `root` */
export async function packagesOf(root: string, files: readonly string[]): Promise<ContainedPackage[]> {
  const folders = new Set(files.flatMap((file) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []))
  const packages = await Promise.all([...folders].map((folder) => readPackage(join(root, folder))))
  const byId = new Map(packages.map((each) => [`${each.name} ${each.version}`, each]))
  return [...byId.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each)
}

async function readPackage(folder: string): Promise<ContainedPackage> {
  const manifest = manifestSchema.parse(JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')))
  const names = (await readdir(folder)).filter((name) => LICENCE_FILES.test(name)).sort()
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
  return { ...manifest, texts: texts.map((text) => text.replaceAll('\r\n', '\n').trim()) }
}

/** The NOTICE: each package with version and licence, and each text once, with those that it is of. Pure. */
export function noticeOf(what: string, packages: readonly ContainedPackage[]): string {
  const byText = new Map<string, string[]>()
  for (const { name, version, texts } of packages) {
    for (const text of texts) byText.set(text, [...(byText.get(text) ?? []), `${name} ${version}`])
  }
  const list = packages.map(({ name, version, license }) => `  ${name} ${version} (${license})`)
  const texts = [...byText].map(([text, names]) => `${'-'.repeat(78)}\n${names.join(', ')}\n\n${text}\n`)
  return [`${what} contains code of these packages:\n`, ...list, '', ...texts].join('\n')
}

const sbomSchema = z.looseObject({
  metadata: z.looseObject({ component: z.looseObject({ 'bom-ref': z.string() }) }),
  components: z.array(z.looseObject({ 'bom-ref': z.string(), name: z.string(), version: z.string() })),
  dependencies: z.array(z.object({ ref: z.string(), dependsOn: z.array(z.string()).default([]) })),
})
export type Sbom = z.infer<typeof sbomSchema>

/** What `npm sbom` says of the whole project, in CycloneDX's format. */
export async function projectSbom(root: string): Promise<Sbom> {
  const args = ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx']
  const { stdout } = await run('npm', args, { cwd: root, maxBuffer: 64 * 1024 * 1024 })
  return sbomSchema.parse(JSON.parse(stdout))
}

/**
 * The part of it that is about these packages. Without time, serial number and npm's version: a bundle whose content is the
 * same has the same bytes, and is not deployed again. Pure.
 */
export function sbomOf(
  what: string,
  project: Sbom,
  packages: readonly Pick<ContainedPackage, 'name' | 'version'>[],
): Record<string, unknown> {
  const contained = new Set(packages.map(({ name, version }) => `${name}@${version}`))
  const components = project.components.filter(({ name, version }) => contained.has(`${name}@${version}`))
  const refs = new Set(components.map((component) => component['bom-ref']))
  const { serialNumber: _serial, metadata, ...rest } = project
  return {
    ...rest,
    metadata: { component: { ...metadata.component, name: what } },
    components: components.map(({ externalReferences: _addresses, ...component }) => component),
    dependencies: project.dependencies
      .filter(({ ref }) => refs.has(ref))
      .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((dependency) => refs.has(dependency)) })),
  }
}

/** Writes NOTICE and sbom.cdx.json into a folder. */
export async function writeContents(
  folder: string,
  what: string,
  packages: readonly ContainedPackage[],
  project: Sbom,
): Promise<void> {
  await writeFile(join(folder, 'NOTICE'), noticeOf(what, packages))
  await writeFile(join(folder, 'sbom.cdx.json'), `${JSON.stringify(sbomOf(what, project, packages), null, 1)}\n`)
}
