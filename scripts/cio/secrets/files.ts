import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SecretStore } from './store.ts'

/** The local stack's secrets: one file per secret, as Secret Manager would mount it. Its content is the only version. */
export function fileSecrets(options: { readonly names: readonly string[]; readonly directory: string }): SecretStore {
  const path = (name: string) => join(options.directory, name)
  return {
    names: options.names,
    latest: async (name) =>
      existsSync(path(name)) ? { version: 'file', value: readFileSync(path(name), 'utf8') } : undefined,
    version: async (name) =>
      existsSync(path(name)) ? { version: 'file', value: readFileSync(path(name), 'utf8') } : undefined,
    add: async (name, value) => {
      // A function that reads meanwhile gets the old value or the new one, never half of it.
      writeFileSync(`${path(name)}.new`, value, { mode: 0o600 })
      renameSync(`${path(name)}.new`, path(name))
      return 'file'
    },
    versions: async (name) =>
      existsSync(path(name)) ? [{ version: 'file', state: 'enabled', createdAtMs: statSync(path(name)).mtimeMs }] : [],
    disable: async () => {},
  }
}
