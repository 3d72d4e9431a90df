import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { type InstalledPackage, sbomOf } from './sbom.ts'

/** A package whose code is part of what we ship. */
export interface ContainedPackage extends InstalledPackage {
  /** What its licence wants to go along with its code: its licence and notice files. */
  readonly texts: readonly string[]
}

const manifestSchema = z.object({ name: z.string(), version: z.string(), license: z.string() })
const LICENCE_FILES = /^(licen[cs]e|notice|copying)([.-].*)?$/i

/** The packages that files of a bundle come from, in order of their names. @param files paths relative to `root` */
export async function packagesOf(root: string, files: readonly string[]): Promise<ContainedPackage[]> {
  const folders = new Set(files.flatMap((file) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []))
  const packages = await Promise.all([...folders].map((folder) => readPackage(root, folder)))
  const byId = new Map(packages.map((each) => [`${each.name} ${each.version}`, each]))
  return [...byId.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each)
}

async function readPackage(root: string, folder: string): Promise<ContainedPackage> {
  const path = join(root, folder)
  const manifest = manifestSchema.parse(JSON.parse(await readFile(join(path, 'package.json'), 'utf8')))
  const names = (await readdir(path)).filter((name) => LICENCE_FILES.test(name)).sort()
  const texts = await Promise.all(names.map((name) => readFile(join(path, name), 'utf8')))
  return { ...manifest, folder, texts: texts.map((text) => text.replaceAll('\r\n', '\n').trim()) }
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

/** Writes NOTICE and sbom.cdx.json into a folder. @param lockFile the project's package-lock.json, parsed */
export async function writeContents(
  folder: string,
  what: string,
  packages: readonly ContainedPackage[],
  lockFile: unknown,
): Promise<void> {
  await writeFile(join(folder, 'NOTICE'), noticeOf(what, packages))
  await writeFile(join(folder, 'sbom.cdx.json'), `${JSON.stringify(sbomOf(what, lockFile, packages), null, 1)}\n`)
}
