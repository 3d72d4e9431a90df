import { z } from 'zod'
import { locate } from './locate.ts'

/** A package and where it is installed. */
export interface InstalledPackage {
  readonly name: string
  readonly version: string
  /** An SPDX expression. */
  readonly license: string
  /** Below the project's root, such as `node_modules/zod`. */
  readonly folder: string
}

const dependencies = z.record(z.string(), z.string()).default({})
const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      ...{ name: z.string().optional(), version: z.string().optional(), license: z.string().optional() },
      integrity: z.string().optional(),
      ...{ dependencies, optionalDependencies: dependencies, peerDependencies: dependencies },
    }),
  ),
})

/** A software bill of materials in CycloneDX's format. */
export type Sbom = Readonly<Record<string, unknown>>

/**
 * What `npm sbom` says of these packages, from package-lock.json alone: npm takes longer for it than all bundles take. Without
 * time, serial number and addresses: a bundle whose content is the same has the same bytes, and is not deployed again. Pure.
 *
 * @param what stands in the place of the project's name
 * @param lockFile the project's package-lock.json, parsed
 * @throws when the lock file lacks one of the packages
 */
export function sbomOf(what: string, lockFile: unknown, contained: readonly InstalledPackage[]): Sbom {
  const { packages } = lockSchema.parse(lockFile)
  const root = packages['']
  const project = { name: root?.name ?? what, version: root?.version ?? '', license: root?.license ?? 'UNLICENSED' }
  const refs = new Map(contained.map((each) => [each.folder, refOf(each)]))
  const lockedAt = (folder: string) => {
    const locked = packages[folder]
    if (locked === undefined) throw new Error(`package-lock.json has no ${folder}: run npm install`)
    return locked
  }
  return {
    ...{
      $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
      bomFormat: 'CycloneDX',
      specVersion: '1.5',
      version: 1,
    },
    metadata: { component: { ...component(project), name: what } },
    components: contained.map((each) => ({ ...component(each), hashes: hashesIn(lockedAt(each.folder).integrity) })),
    dependencies: contained.map((each) => {
      const { dependencies, optionalDependencies, peerDependencies } = lockedAt(each.folder)
      const names = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })
      const dependsOn = names.flatMap((name) => refs.get(locate(name, each.folder, packages) ?? '') ?? [])
      return { ref: refOf(each), dependsOn: [...new Set(dependsOn)].sort() }
    }),
  }
}

type Named = Omit<InstalledPackage, 'folder'>

const refOf = ({ name, version }: Omit<Named, 'license'>) => `${name}@${version}`

function component({ name, version, license }: Named) {
  return {
    'bom-ref': refOf({ name, version }),
    type: 'library',
    ...{ name, version },
    scope: 'required',
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    licenses: [/\s/.test(license) ? { expression: license } : { license: { id: license } }],
  }
}

/** `sha512-<base64>`, or several of them. */
function hashesIn(integrity = ''): object[] {
  return [...integrity.matchAll(/\b(sha)(\d+)-([A-Za-z0-9+/=]+)/g)].map(([, , bits, base64 = '']) => ({
    alg: `SHA-${bits}`,
    content: Buffer.from(base64, 'base64').toString('hex'),
  }))
}
