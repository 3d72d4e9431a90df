import { posix } from 'node:path'
import { DEPENDENCIES, type Entry, HANDED_IN } from './entries.ts'

/** The part of the project's package.json that this file reads. */
export interface ProjectManifest {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly license: string
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

/** Entries with the optional peers that each of them needs. */
export type EntryPeers = readonly { readonly name: string; readonly entry: Entry; readonly peers: readonly string[] }[]

/**
 * The package.json of the package. Its dependencies have the exact versions that the tests ran with; optional peers may be
 * newer within their major version.
 */
export function packageManifest(project: ProjectManifest, entries: EntryPeers): Record<string, unknown> {
  const versions = { ...project.devDependencies, ...project.dependencies }
  const versionOf = (name: string): string => {
    const version = versions[name]
    if (version === undefined) throw new Error(`package.json does not name ${name}, which the package needs`)
    return version
  }
  const peers = [...new Set([...HANDED_IN, ...entries.flatMap((each) => each.peers)])].sort()
  const command = entries.find(({ entry }) => entry.path === undefined)
  const { name, version, description, license } = project
  return {
    name,
    version,
    description,
    license,
    type: 'module',
    sideEffects: false,
    engines: { node: '>=22' },
    main: './lib/cjs/scripts/package/entries/index.js',
    types: './lib/cjs/scripts/package/entries/index.d.ts',
    exports: {
      ...Object.fromEntries(
        entries.flatMap(({ entry }) => (entry.path === undefined ? [] : [[entry.path, conditions(entry)]])),
      ),
      './schemas/*.json': './schemas/*.json',
      './package.json': './package.json',
    },
    ...(command !== undefined && { bin: { [name]: compiled(command.entry, 'esm', '.js') } }),
    dependencies: Object.fromEntries(DEPENDENCIES.map((dependency) => [dependency, versionOf(dependency)])),
    peerDependencies: Object.fromEntries(peers.map((peer) => [peer, `^${versionOf(peer)}`])),
    peerDependenciesMeta: Object.fromEntries(peers.map((peer) => [peer, { optional: true }])),
    // Read by scripts/topology/peers.ts, for the error that names what is missing.
    entryPeers: Object.fromEntries(
      entries
        .filter(({ peers: needed }) => needed.length > 0)
        .map(({ name: entryName, peers: needed }) => [
          entryName,
          Object.fromEntries(needed.map((peer) => [peer, versionOf(peer)])),
        ]),
    ),
  }
}

function conditions(entry: Entry): Record<string, unknown> {
  const condition = { esm: 'import', cjs: 'require' } as const
  return Object.fromEntries(
    entry.formats.map((format) => [
      condition[format],
      { types: compiled(entry, format, '.d.ts'), default: compiled(entry, format, '.js') },
    ]),
  )
}

function compiled(entry: Entry, format: 'esm' | 'cjs', extension: string): string {
  return `./${posix.join('lib', format, entry.source.replace(/\.m?ts$|\.mjs$/, extension))}`
}
