import type { PersonHash } from '../hashes.ts'
import {
  MOST_RECORDS_OF_A_PERSON,
  type SendLedger,
  type SendRecord,
  type SendRecordChange,
  type StoredRecord,
  type Written,
} from '../record.ts'

export interface Row extends SendRecord {
  readonly version: string
  readonly updatedAtMs: number
}

export interface MemoryLedgerOptions {
  /** The store's clock. */
  readonly now: () => number
  /** False to find out what is lost without the condition on the version. */
  readonly fenced?: boolean
  /** Where the records are kept, for a search that looks at them. */
  readonly rows?: Map<string, Row>
}

/** The ledger in one Map: passes the same contract as the real one, for simulations that need thousands of runs. */
export function createMemoryLedger({ now, fenced = true, rows = new Map() }: MemoryLedgerOptions): SendLedger {
  let writes = 0

  function write(id: string, before: Row | undefined, change: SendRecordChange): Written {
    const { claimedAtMs, settledAtMs, ...rest } = change
    const nowMs = now()
    const version = String(++writes)
    const row = {
      ...before,
      ...rest,
      ...(claimedAtMs && { claimedAtMs: nowMs }),
      ...(settledAtMs && { settledAtMs: nowMs }),
      version,
      updatedAtMs: nowMs,
    }
    rows.set(id, row as Row)
    return { kind: 'written', version }
  }

  const stored = (id: string, row: Row): StoredRecord => ({ ...row, id, readAtMs: now() })

  return {
    create: async (id, record) => (rows.has(id) ? { kind: 'other' } : write(id, undefined, record)),
    update: async (id, version, change) => {
      const before = rows.get(id)
      const isAsExpected = before !== undefined && (before.version === version || !fenced)
      return isAsExpected ? write(id, before, change) : { kind: 'other' }
    },
    read: async (id) => {
      const row = rows.get(id)
      return row && stored(id, row)
    },
    others: async (persons, exceptId) => {
      const found = new Map<string, StoredRecord>()
      for (const person of persons) {
        const own = [...rows].filter(([, row]) => names(row, person))
        if (own.length > MOST_RECORDS_OF_A_PERSON) return undefined
        for (const [id, row] of own) if (id !== exceptId) found.set(id, stored(id, row))
      }
      return [...found.values()]
    },
    held: async (deliveryIds) => {
      const all = new Set([...rows.values()].map((row) => row.deliveryId))
      return new Set(deliveryIds.filter((id) => all.has(id)))
    },
    erase: async (person) => {
      const hashes = new Set(person.map(({ hash }) => hash))
      const erased = [...rows].filter(([, row]) => person.some((each) => names(row, each)))
      for (const [id, row] of erased) {
        const others = row.hashes.version === 1 ? [] : row.hashes.persons.filter((hash) => !hashes.has(hash))
        if (row.hashes.version === 1 || others.length === 0) rows.delete(id)
        else
          write(id, row, {
            ...row,
            claimedAtMs: undefined,
            settledAtMs: undefined,
            hashes: { ...row.hashes, persons: others },
          })
      }
      return erased.length
    },
  }
}

function names({ hashes }: SendRecord, { version, hash }: PersonHash): boolean {
  if (hashes.version === 1) return version === 1 && hashes.person === hash
  return version === 2 && hashes.persons.includes(hash)
}
