/** What the local BigQuery can be told to do wrong, until it is told otherwise. */
export type Misbehaviour =
  /** Every request is answered with this error, and nothing is done. */
  | { readonly kind: 'down'; readonly httpStatus?: number; readonly reason?: string }
  /** Every connection is cut before an answer. */
  | { readonly kind: 'unreachable' }
  /** Every answer is given, and everything done, only after this time, in milliseconds. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** The same, until a promise settles. */
  | { readonly kind: 'held'; readonly until: Promise<unknown> }
  /** Rows are stored, and the connection is cut before the answer. */
  | { readonly kind: 'answerLost' }
  /** Rows that match are refused as `invalid`; their neighbours are not. */
  | { readonly kind: 'refuseRows'; readonly matches: (table: string, row: unknown) => boolean }
  /** Every row of every table is refused as `invalid`. */
  | { readonly kind: 'refuseAll' }

/** Why an order refuses a row, if it does. */
export function refusalOf(order: Misbehaviour | undefined): (table: string, row: unknown) => string | undefined {
  return (table, row) => {
    const refused = order?.kind === 'refuseAll' || (order?.kind === 'refuseRows' && order.matches(table, row))
    return refused ? 'Refused by order.' : undefined
  }
}
