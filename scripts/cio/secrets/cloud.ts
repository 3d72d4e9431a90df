import type { SecretManagerServiceClient } from '@google-cloud/secret-manager'
import { codeOf } from '../../../shared/errors/index.ts'
import { CommandError } from '../errors.ts'
import type { SecretStore, SecretVersion, VersionInfo } from './store.ts'

export interface CloudSecretsOptions {
  /** Id of the secret by the name of its variable. */
  readonly ids: Readonly<Record<string, string>>
  /** Of those that are credentials. */
  readonly names: readonly string[]
  readonly projectId: () => Promise<string>
  /** The client's end is added here. */
  readonly closing: (() => Promise<unknown>)[]
  readonly emulated: () => Promise<object>
}

/** gRPC's numbers. */
const NOT_FOUND = 5
const PERMISSION_DENIED = 7
/** Secret Manager's answer to the access of a disabled or destroyed version. */
const FAILED_PRECONDITION = 9

/** Secret Manager. Values pass through here and nowhere else, and are never printed. */
export function cloudSecrets(options: CloudSecretsOptions): SecretStore {
  let connecting: Promise<SecretManagerServiceClient> | undefined
  const client = () => {
    connecting ??= (async () => {
      const { SecretManagerServiceClient } = await import('@google-cloud/secret-manager')
      const made = new SecretManagerServiceClient({
        ...(await options.emulated()),
        projectId: await options.projectId(),
      })
      options.closing.push(() => made.close())
      return made
    })()
    return connecting
  }
  const pathOf = async (name: string) => `projects/${await options.projectId()}/secrets/${options.ids[name]}`

  async function access(name: string, version: string): Promise<SecretVersion | undefined> {
    const path = await pathOf(name)
    const accessed = await asked('read', name, [NOT_FOUND, FAILED_PRECONDITION], async () => {
      const [found] = await (await client()).accessSecretVersion({ name: `${path}/versions/${version}` })
      return found
    })
    if (accessed === undefined) return undefined
    return { version: numberOf(accessed.name), value: Buffer.from(accessed.payload?.data ?? '').toString('utf8') }
  }

  return {
    names: options.names,
    latest: (name) => access(name, 'latest'),
    version: access,
    async add(name, value) {
      const path = await pathOf(name)
      const added = await asked('add a version of', name, [], async () => {
        const [version] = await (await client()).addSecretVersion({
          parent: path,
          payload: { data: Buffer.from(value, 'utf8') },
        })
        return version
      })
      return numberOf(added?.name)
    },
    async versions(name) {
      const path = await pathOf(name)
      const listed = await asked('list the versions of', name, [NOT_FOUND], async () => {
        const [versions] = await (await client()).listSecretVersions({ parent: path })
        return versions
      })
      return (listed ?? []).map(({ name: version, state, createTime }): VersionInfo => {
        const seconds = createTime?.seconds
        return {
          version: numberOf(version),
          state: state === 'ENABLED' ? 'enabled' : state === 'DISABLED' ? 'disabled' : 'destroyed',
          createdAtMs: seconds === undefined || seconds === null ? undefined : Number(seconds) * 1_000,
        }
      })
    },
    async disable(name, version) {
      const path = await pathOf(name)
      await asked('disable a version of', name, [], async () => {
        await (await client()).disableSecretVersion({ name: `${path}/versions/${version}` })
      })
    },
  }
}

/** Adds the secret and the missing permission to an error; `absent` are the codes that mean it does not exist. */
async function asked<T>(
  what: string,
  name: string,
  absent: readonly number[],
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof CommandError) throw cause
    const code = Number(codeOf(cause))
    if (absent.includes(code)) return undefined
    const hint =
      code === PERMISSION_DENIED
        ? 'Ask to be one of `operators` of the environment.'
        : code === NOT_FOUND
          ? 'Terraform creates the secrets: run terraform apply first.'
          : undefined
    throw new CommandError(`Secret Manager: cannot ${what} ${name}`, { cause, ...(hint !== undefined && { hint }) })
  }
}

/** `projects/p/secrets/s/versions/7` is version 7. */
function numberOf(path: string | null | undefined): string {
  return path?.split('/').at(-1) ?? ''
}
