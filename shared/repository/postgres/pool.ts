/** What the repository needs of a `pg.Pool`, in its own words: who brings another store needs neither `pg` nor its types. */
export interface PostgresPool extends PostgresQueries {
  connect(): Promise<PostgresClient>
  /** Tells of idle connections that were lost. */
  on(event: 'error', listener: (error: Error) => void): unknown
  off(event: 'error', listener: (error: Error) => void): unknown
}

/** A pool, or one connection of it. */
export interface PostgresQueries {
  query(
    sql: string,
    values?: unknown[],
  ): Promise<{ readonly rows: Record<string, unknown>[]; readonly rowCount: number | null }>
}

/** One connection, which `release` gives back; with an error it is thrown away instead. */
export interface PostgresClient extends PostgresQueries {
  on(event: 'error', listener: (error: Error) => void): unknown
  off(event: 'error', listener: (error: Error) => void): unknown
  release(error?: Error): void
}
