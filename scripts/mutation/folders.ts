import { globSync } from 'node:fs'

/** The folders whose mutation score is kept, each with suites elsewhere that test it. */
export const FOLDERS: Readonly<Record<string, { readonly also?: readonly string[] }>> = {
  'shared/batching': {},
  'shared/customerio': {},
  'shared/delivery': {},
  'shared/idempotency': {},
  'shared/identity': {},
  'shared/ledger': {},
  'shared/rate': {},
  'shared/webhooks': {},
}

/** Tests that a mutant is not run with, as patterns of `suite test`: they would take seconds for each. */
export const LEFT_OUT: readonly string[] = [
  // Starts a Java process.
  "Google's Firestore emulator",
  // Measure memory, and the time of thousands of items.
  'takes 10 MB',
  'may be 50,000 of one person',
  'drain the backlog of an outage',
  // Read megabytes.
  'megabyte',
  // Searches ten thousand states, and simulates hundreds of histories.
  '^shared/ledger/search\\.',
  '^shared/ledger/simulation/',
]

/** The files of a folder that are mutated. */
export function sourcesOf(folder: string): string[] {
  return globSync(`${folder}/**/*.ts`, {
    exclude: ['**/*.test.ts', '**/testing.ts', '**/testing/**', '**/simulation/**'],
  }).sort()
}

/** The suites that are run with the mutants of a folder, its own first. */
export function suitesOf(folder: string): string[] {
  return [
    ...globSync(`${folder}/**/*.test.ts`, { exclude: ['**/*.long.test.ts'] }).sort(),
    ...(FOLDERS[folder]?.also ?? []),
  ]
}
