/** What the package offers: an import or a command, where it begins, and in which formats it is compiled. */
export interface Entry {
  /** Its key in `exports`; undefined for the command. */
  readonly path: string | undefined
  readonly source: string
  readonly formats: readonly ('esm' | 'cjs')[]
  /**
   * True: what it imports beyond the package's own dependencies is an optional peer, to be installed by who uses this entry.
   * False: it must not import anything else.
   */
  readonly mayNeedPeers: boolean
  /** Packages that it finds by `require.resolve` instead of an import. */
  readonly resolves?: readonly string[]
}

const BOTH = ['esm', 'cjs'] as const

export const ENTRIES = {
  publisher: { path: '.', source: 'scripts/package/entries/index.ts', formats: BOTH, mayNeedPeers: false },
  webhooks: { path: './webhooks', source: 'scripts/package/entries/webhooks.ts', formats: BOTH, mayNeedPeers: false },
  repository: {
    path: './repository',
    source: 'scripts/package/entries/repository.ts',
    formats: BOTH,
    mayNeedPeers: false,
  },
  testing: {
    path: './testing',
    source: 'scripts/package/entries/testing.ts',
    formats: BOTH,
    mayNeedPeers: true,
    // The process of a function, and the definitions of a service.
    resolves: ['@google-cloud/functions-framework', '@google-cloud/firestore'],
  },
  command: { path: undefined, source: 'scripts/cio/bin.mjs', formats: ['esm'], mayNeedPeers: true },
} as const satisfies Readonly<Record<string, Entry>>

/** What every installation brings along. */
export const DEPENDENCIES = ['@google-cloud/pubsub', 'zod'] as const

/** Peers that no file imports, since who uses the entry hands them in: a `pg.Pool`. */
export const HANDED_IN = ['pg'] as const
