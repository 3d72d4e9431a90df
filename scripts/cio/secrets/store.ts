/** One stored value of a secret. */
export interface SecretVersion {
  /** Number of the version; `file` where there are none. */
  readonly version: string
  readonly value: string
}

export interface VersionInfo {
  readonly version: string
  readonly state: 'enabled' | 'disabled' | 'destroyed'
  readonly createdAtMs: number | undefined
}

/** Where the credentials of a pipeline are kept. Each secret has the name of its environment variable. */
export interface SecretStore {
  /** Of the credentials. What else functions read as secrets can be read and added too. */
  readonly names: readonly string[]
  /** The value that a function reads now; undefined when there is no usable version. */
  latest(name: string): Promise<SecretVersion | undefined>
  /** One value; undefined when that version is not usable. */
  version(name: string, version: string): Promise<SecretVersion | undefined>
  /** Adds a version and returns its number. */
  add(name: string, value: string): Promise<string>
  /** Newest first. */
  versions(name: string): Promise<readonly VersionInfo[]>
  disable(name: string, version: string): Promise<void>
}

/** The word that stands for "not configured yet". */
export const UNSET = 'unset'
