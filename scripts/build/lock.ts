import { locate } from '../licences/locate.ts'

/** The part of a package-lock.json (version 3) that this file reads. */
export interface LockFile {
  readonly packages: Readonly<Record<string, LockedPackage>>
}

interface LockedPackage {
  readonly version?: string
  readonly integrity?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

/** What a deployed function's package.json declares. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly dependencies: Readonly<Record<string, string>>
}

/** Of a package in the function's own folder. */
export interface LinkedManifest {
  readonly name: string
  readonly version: string
  readonly bin: Readonly<Record<string, string>>
}

/**
 * Cuts the lock file of a deployed function out of the project's own: the packages it declares and all they need, at
 * the versions and hashes that the tests ran with, so that a deployment installs nothing that was not tested.
 *
 * @throws when the project's lock file lacks one of them.
 */
export function lockFileFor(manifest: Manifest, project: LockFile): unknown {
  const packages: Record<string, unknown> = {}
  const add = (name: string, from: string, optional: boolean): void => {
    const path = locate(name, from, project.packages)
    if (path === undefined) {
      if (optional) return
      throw new Error(`package-lock.json has no ${name}, which ${from === '' ? manifest.name : from} needs`)
    }
    if (path in packages) return
    const locked = project.packages[path] ?? {}
    const { dev: _dev, devOptional: _devOptional, peer: _peer, ...kept } = locked
    packages[path] = kept
    for (const dependency of Object.keys(locked.dependencies ?? {})) add(dependency, path, false)
    for (const dependency of Object.keys(locked.optionalDependencies ?? {})) add(dependency, path, true)
  }
  for (const name of Object.keys(manifest.dependencies)) add(name, '', false)
  const sorted = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)))
  return {
    name: manifest.name,
    version: manifest.version,
    lockfileVersion: 3,
    requires: true,
    packages: { '': manifest, ...sorted },
  }
}

/**
 * The lock file of a function whose one dependency is a package in its own folder: an install makes a link to it, and asks
 * no registry for anything.
 */
export function lockFileOfLink(manifest: Manifest, folder: string, { name, version, bin }: LinkedManifest): unknown {
  return {
    name: manifest.name,
    version: manifest.version,
    lockfileVersion: 3,
    requires: true,
    packages: {
      '': manifest,
      [folder]: { name, version, bin },
      [`node_modules/${name}`]: { resolved: folder, link: true },
    },
  }
}
