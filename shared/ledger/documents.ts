/** A moment of the store's clock, with all its digits: two writes can fall into one millisecond. */
export interface StoreTime {
  /** Since 1970. */
  readonly seconds: number
  readonly nanos: number
}

/** What a field may hold. */
export type FieldValue = string | number | null | StoreTime | readonly string[]

/** What becomes of a field: it is set, to a value or to the time at which the store got the request, or it is removed. */
export type FieldChange = { readonly to: FieldValue } | 'request_time' | 'removed'

/** Fields by their names, which are plain words; a name that is not given is left as it is. */
export type WrittenFields = readonly (readonly [name: string, change: FieldChange])[]

/** A conditional change of one document. A commit does all of its writes or none. */
export type DocumentWrite =
  | { readonly kind: 'create'; readonly id: string; readonly fields: WrittenFields }
  | { readonly kind: 'update'; readonly id: string; readonly fields: WrittenFields; readonly ifUpdatedAt: StoreTime }
  | { readonly kind: 'delete'; readonly id: string }

/** A document as it was read. */
export interface StoredDocument {
  readonly id: string
  /** What is none of {@link FieldValue} may be anything. */
  readonly fields: Readonly<Record<string, unknown>>
  readonly updatedAt: StoreTime
  readonly readAt: StoreTime
}

/** A query of one condition, which a single-field index serves. */
export interface DocumentQuery {
  readonly field: string
  readonly op: 'equals' | 'contains'
  readonly value: string
  readonly limit: number
}

/** As much of Firestore as the ledger uses, in one collection. An error has gRPC's number as its `code`. */
export interface DocumentStore {
  /** Gives the time of each write's document. */
  commit(writes: readonly DocumentWrite[]): Promise<readonly StoreTime[]>
  get(id: string): Promise<StoredDocument | undefined>
  find(query: DocumentQuery): Promise<readonly StoredDocument[]>
}
