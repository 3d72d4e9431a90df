import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { status } from '@grpc/grpc-js'
import { RpcError } from '../rpc-error.ts'
import { entriesOf, type Fields, type RunQuery, type Value, type WireTimestamp, type Write } from './protocol.ts'

export interface StoredDocument {
  readonly name: string
  readonly fields: Fields
  readonly createTime: WireTimestamp
  readonly updateTime: WireTimestamp
}

export interface DocumentsOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Every commit is appended to it, and read back at the start. */
  readonly dataFile?: string
}

/** All documents of all databases, by name. A commit happens as a whole and at one moment, or not at all. */
export class Documents {
  readonly #now: () => number
  readonly #dataFile: string | undefined
  readonly #documents = new Map<string, StoredDocument>()
  #lastMicros = 0

  constructor(options: DocumentsOptions) {
    this.#now = options.now
    this.#dataFile = options.dataFile
    if (this.#dataFile !== undefined && existsSync(this.#dataFile)) this.#recover(this.#dataFile)
  }

  /** Never before the last commit. */
  readTime(): WireTimestamp {
    return wireTime(Math.max(this.#lastMicros, this.#now() * 1_000))
  }

  get(name: string): StoredDocument | undefined {
    return this.#documents.get(name)
  }

  /** Forgets every document; in the data file, too. */
  clear(): void {
    this.#documents.clear()
    if (this.#dataFile !== undefined) writeFileSync(this.#dataFile, '')
  }

  /** The documents of one collection that keep all these conditions, by name. */
  query({ parent, structuredQuery }: RunQuery): StoredDocument[] {
    const { from, where, limit } = structuredQuery
    const prefix = `${parent}/${from[0].collectionId}/`
    const found = [...this.#documents.values()].filter(
      ({ name, fields }) =>
        name.startsWith(prefix) &&
        !name.slice(prefix.length).includes('/') &&
        where.every(({ field, op, value }) => holds(op, fields[field.fieldPath], value)),
    )
    return found.sort((a, b) => (a.name < b.name ? -1 : 1)).slice(0, limit?.value)
  }

  /** Gives the update time of each write. Throws a RpcError, and then nothing is written. */
  commit(writes: readonly Write[]): { commitTime: WireTimestamp; writeResults: { updateTime: WireTimestamp }[] } {
    // Google's clock goes on by at least a microsecond with each commit: no two versions are the same.
    const micros = Math.max(this.#lastMicros + 1, Math.round(this.#now() * 1_000))
    const commitTime = wireTime(micros)
    const changed = new Map<string, StoredDocument | undefined>()
    const writeResults = writes.map((write) => {
      const name = nameOf(write)
      const before = changed.has(name) ? changed.get(name) : this.#documents.get(name)
      checkPrecondition(write, name, before)
      const after = write.update === undefined ? undefined : written(write, name, before, commitTime)
      changed.set(name, after)
      return { updateTime: after?.updateTime ?? commitTime }
    })
    this.#apply(changed)
    this.#lastMicros = micros
    if (this.#dataFile !== undefined) {
      appendFileSync(this.#dataFile, `${JSON.stringify({ micros, changed: [...changed] })}\n`)
    }
    return { commitTime, writeResults }
  }

  #apply(changed: Iterable<readonly [string, StoredDocument | null | undefined]>): void {
    for (const [name, document] of changed) {
      if (document === undefined || document === null) this.#documents.delete(name)
      else this.#documents.set(name, document)
    }
  }

  /** The file is our own; its last line is cut off when the process was killed while writing, and was never answered then. */
  #recover(dataFile: string): void {
    const lines = readFileSync(dataFile, 'utf8').split('\n').slice(0, -1)
    for (const line of lines) {
      const { micros, changed } = JSON.parse(line) as { micros: number; changed: [string, StoredDocument | null][] }
      this.#apply(changed)
      this.#lastMicros = micros
    }
  }
}

function holds(op: 'EQUAL' | 'ARRAY_CONTAINS' | 'NOT_IN', field: Value | undefined, value: Value): boolean {
  const isOf = (list: readonly Value[], one: Value | undefined) => list.some((each) => isDeepStrictEqual(each, one))
  switch (op) {
    case 'EQUAL':
      return isDeepStrictEqual(field, value)
    case 'ARRAY_CONTAINS':
      return isOf(entriesOf(field), value)
    case 'NOT_IN':
      return field !== undefined && !isOf(entriesOf(value), field)
  }
}

function nameOf(write: Write): string {
  const name = write.update?.name ?? write.delete
  if (name === undefined) throw new RpcError(status.UNIMPLEMENTED, 'only updates and deletes are served here')
  return name
}

function checkPrecondition(write: Write, name: string, before: StoredDocument | undefined): void {
  const { exists, updateTime } = write.currentDocument ?? {}
  if (exists === false && before !== undefined) {
    throw new RpcError(status.ALREADY_EXISTS, `Document already exists: ${name}`)
  }
  if (exists === true && before === undefined) {
    throw new RpcError(status.NOT_FOUND, `No document to update: ${name}`)
  }
  if (updateTime !== undefined && !isDeepStrictEqual({ ...before?.updateTime }, { ...updateTime })) {
    throw new RpcError(status.FAILED_PRECONDITION, `the stored version does not match the required one: ${name}`)
  }
}

function written(
  { update, updateMask, updateTransforms }: Write,
  name: string,
  before: StoredDocument | undefined,
  commitTime: WireTimestamp,
): StoredDocument {
  const given = update?.fields ?? {}
  const fields: Fields = updateMask ? { ...before?.fields } : {}
  for (const path of updateMask?.fieldPaths ?? Object.keys(given)) {
    if (path.includes('.')) throw new RpcError(status.UNIMPLEMENTED, `no paths into maps here: ${path}`)
    const value = given[path]
    if (value === undefined) delete fields[path]
    else fields[path] = value
  }
  // REQUEST_TIME has milliseconds only, so it is at or before the update time.
  const requestTime = { ...commitTime, nanos: commitTime.nanos - (commitTime.nanos % 1_000_000) }
  for (const { fieldPath } of updateTransforms) fields[fieldPath] = { timestampValue: requestTime }
  // As in Firestore: a write that changes nothing leaves the update time alone.
  if (before !== undefined && isDeepStrictEqual(before.fields, fields)) return before
  return { name, fields, createTime: before?.createTime ?? commitTime, updateTime: commitTime }
}

function wireTime(micros: number): WireTimestamp {
  const whole = Math.floor(micros)
  return { seconds: String(Math.floor(whole / 1_000_000)), nanos: (whole % 1_000_000) * 1_000 }
}
