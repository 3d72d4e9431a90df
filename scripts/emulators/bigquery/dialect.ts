import { invalidQuery } from './errors.ts'
import { syntaxError, type Token, tokens } from './lexer.ts'
import { MACROS, SAME_FUNCTIONS, UNIT_FUNCTIONS } from './macros.ts'
import { quoted } from './schema.ts'

/** A table or view as a query names it: the project before it is dropped, since there is only one. */
export interface TableName {
  readonly dataset: string
  readonly table: string
}

export interface Translated {
  readonly kind: 'SELECT' | 'DELETE' | 'UPDATE'
  /** The statement in DuckDB's dialect; parameters are `$name`, or `?`. */
  readonly sql: string
  /** What a DELETE or an UPDATE changes. */
  readonly target?: TableName
  /** The tables and views that it names besides. */
  readonly read: readonly TableName[]
}

export interface TranslateOptions {
  /** The name in DuckDB of a table that is changed; a table that is read is `"dataset"."table"`. */
  readonly written: (name: TableName) => string
  /** The types of a table function's arguments in DuckDB, by name in capitals: the body of a function names them. */
  readonly argumentTypes?: ReadonlyMap<string, string>
}

const words = (list: string): ReadonlySet<string> => new Set(list.split(' '))

/** Words that stand before a bracket and are no function. The rest of BigQuery's reserved words cannot stand there. */
const NO_FUNCTION = words(
  'ALL AND AS BETWEEN BY CASE CAST DISTINCT ELSE EXCEPT EXISTS FROM HAVING IN INTERSECT INTERVAL JOIN LIKE LIMIT NOT ON OR OVER QUALIFY SAFE_CAST SELECT THEN UNION UNNEST USING WHEN WHERE',
)
/** What a list of tables ends with. */
const AFTER_TABLES = words('WHERE GROUP HAVING QUALIFY WINDOW ORDER LIMIT UNION INTERSECT EXCEPT SET SELECT')
const OTHER_STATEMENTS = words(
  'ALTER ASSERT BEGIN CALL CREATE DECLARE DROP EXECUTE EXPORT GRANT INSERT LOAD MERGE REVOKE SET TRUNCATE',
)
const CHANGES = words('DELETE UPDATE INSERT MERGE')
const KINDS: Readonly<Record<string, Translated['kind']>> = {
  SELECT: 'SELECT',
  WITH: 'SELECT',
  '(': 'SELECT',
  DELETE: 'DELETE',
  UPDATE: 'UPDATE',
}

/**
 * One statement of BigQuery's dialect in DuckDB's. Only the words that differ are replaced, so what is not replaced means the
 * same in both. Throws `invalidQuery` for what is no word of BigQuery's, and for statements and functions that are not
 * offered; DuckDB finds the other mistakes. `written` names the table that a DELETE or an UPDATE changes.
 */
export function translate(sql: string, options: TranslateOptions): Translated {
  return new Translation(sql, options).result()
}

class Translation {
  readonly #sql: string
  readonly #tokens: readonly Token[]
  readonly #kind: Translated['kind']
  readonly #written: TranslateOptions['written']
  readonly #argumentTypes: ReadonlyMap<string, string>
  /** What stands in DuckDB's statement for each token. */
  readonly #texts: string[]
  /** What follows it there. */
  readonly #closings: string[]
  #target: TableName | undefined
  readonly #read: TableName[] = []

  constructor(sql: string, { written, argumentTypes = new Map() }: TranslateOptions) {
    this.#sql = sql
    this.#written = written
    this.#argumentTypes = argumentTypes
    const all = tokens(sql)
    while (all.at(-1)?.text === ';') all.pop()
    this.#tokens = all
    this.#texts = all.map((token) => sql.slice(token.start, token.end))
    this.#closings = all.map(() => '')
    if (this.#tokens.some(({ kind, text }) => kind === 'symbol' && text === ';'))
      throw invalidQuery('The local BigQuery runs one statement a query')
    this.#kind = this.#kindOfStatement()
  }

  result(): Translated {
    // One entry per open bracket: whether a list of tables goes on in it.
    const inTables = [false]
    for (let at = 0; at < this.#tokens.length; ) {
      const token = this.#tokens[at]
      const word = this.#word(at)
      if (this.#is(at, '(')) inTables.push(false)
      else if (this.#is(at, ')')) inTables.pop()
      else if (AFTER_TABLES.has(word)) inTables[inTables.length - 1] = false
      else if (word === 'FROM' && this.#word(at - 1) !== 'DISTINCT') inTables[inTables.length - 1] = true
      const table = this.#startsTable(at, inTables.at(-1) ?? false)
      if (table && token?.kind === 'string') throw syntaxError(this.#sql, token.start)
      at = table && word !== 'UNNEST' ? this.#table(at) : this.#one(at)
    }
    const sql = this.#texts.map((text, at) => text + this.#closings[at]).join(' ')
    if (this.#kind === 'SELECT') return { kind: this.#kind, sql, read: this.#read }
    if (this.#target === undefined) throw invalidQuery('Table must be qualified with a dataset')
    return { kind: this.#kind, sql, target: this.#target, read: this.#read }
  }

  #kindOfStatement(): Translated['kind'] {
    const first = this.#word(0) || (this.#tokens[0]?.text ?? '')
    if (OTHER_STATEMENTS.has(first)) throw invalidQuery(`The local BigQuery does not run ${first}`)
    const kind = KINDS[first]
    const change = this.#tokens.findIndex((_, at) => at > 0 && CHANGES.has(this.#word(at)) && !this.#is(at - 1, '.'))
    if (kind === undefined || change > 0) throw syntaxError(this.#sql, this.#tokens[Math.max(change, 0)]?.start ?? 0)
    return kind
  }

  /** A keyword or an unquoted name in capitals, or nothing. */
  #word(at: number): string {
    const token = this.#tokens[at]
    return token?.kind === 'word' ? token.text.toUpperCase() : ''
  }

  #is(at: number, symbol: string): boolean {
    const token = this.#tokens[at]
    return token?.kind === 'symbol' && token.text === symbol
  }

  /** A name, a string or UNNEST in the place of a table. */
  #startsTable(at: number, inTables: boolean): boolean {
    if (!['word', 'name', 'string'].includes(this.#tokens[at]?.kind ?? '')) return false
    const before = this.#word(at - 1)
    if (before === 'FROM') return this.#word(at - 2) !== 'DISTINCT' // a IS DISTINCT FROM b
    if (before === 'DELETE') return this.#word(at) !== 'FROM'
    return before === 'JOIN' || before === 'UPDATE' || (inTables && this.#is(at - 1, ','))
  }

  /**
   * `project.dataset.table`, in backticks as a whole, in parts or not at all. With a bracket behind it, it is a table
   * function, whose arguments are words like any other. Returns the place after it.
   */
  #table(start: number): number {
    let end = start + 1
    while (this.#is(end, '.')) end += 2
    const path = this.#tokens.slice(start, end)
    const parts = path.flatMap(({ kind, text }) => (kind === 'name' ? text.split('.') : kind === 'word' ? [text] : []))
    const [table, dataset] = parts.toReversed()
    if (parts.some((part) => part.toUpperCase() === 'INFORMATION_SCHEMA'))
      throw invalidQuery('The local BigQuery has no INFORMATION_SCHEMA')
    const isFunction = this.#is(end, '(')
    if (table === undefined || parts.length > 3 || (isFunction && dataset === undefined))
      throw syntaxError(this.#sql, path[0]?.start ?? 0)
    let text = quoted(table)
    if (dataset !== undefined) {
      const name = { dataset, table }
      const changed = this.#kind !== 'SELECT' && start <= 2 && this.#target === undefined
      if (changed) this.#target = name
      else if (!isFunction) this.#read.push(name)
      text = changed ? this.#written(name) : `${quoted(dataset)}.${quoted(table)}`
    }
    this.#texts.fill('', start, end)
    this.#texts[start] = this.#word(start - 1) === 'DELETE' ? `FROM ${text}` : text
    return end
  }

  /** Any other word. Returns the place after it. */
  #one(at: number): number {
    const token = this.#tokens[at]
    const word = this.#word(at)
    if (token?.kind === 'name') this.#texts[at] = quoted(token.text)
    // In brackets: DuckDB takes INTERVAL (expression) DAY, but no bare parameter there.
    else if (token?.kind === 'parameter') this.#texts[at] = `($${token.text})`
    else if (token?.kind === 'string') this.#texts[at] = `'${token.text.replaceAll("'", "''")}'`
    else if (this.#is(at - 1, '*') && word === 'EXCEPT') this.#texts[at] = 'EXCLUDE'
    else if (this.#is(at - 1, '*') && word === 'REPLACE')
      return at + 1 // the same in both
    else if (this.#is(at - 1, '.') && !this.#is(at + 1, '(')) return at + 1
    else if (this.#argumentTypes.has(word) && this.#word(at - 1) !== 'AS')
      this.#texts[at] = `CAST(${word} AS ${this.#argumentTypes.get(word)})`
    else if (word === 'FLOAT64') this.#texts[at] = 'DOUBLE'
    else if (word === 'SAFE_CAST') this.#texts[at] = 'TRY_CAST'
    else if (word === 'UNNEST') this.#unnest(at)
    else if (word === 'CURRENT_TIMESTAMP' && !this.#is(at + 1, '(')) this.#texts[at] = 'bq_current_timestamp()'
    else if (word === 'SAFE' && this.#is(at + 1, '.') && this.#is(at + 3, '(')) {
      this.#texts[at] = 'TRY('
      this.#texts[at + 1] = ''
      this.#function(at + 2)
      this.#closings[this.#closing(at + 3)] += ')'
      return at + 3
    } else if (word !== '' && this.#is(at + 1, '(') && !NO_FUNCTION.has(word)) this.#function(at)
    return at + 1
  }

  #function(at: number): void {
    const name = this.#word(at)
    const known = name in MACROS ? `bq_${name.toLowerCase()}` : SAME_FUNCTIONS.has(name) ? name : undefined
    if (known === undefined || this.#is(at - 1, '.') !== (this.#word(at - 2) === 'SAFE'))
      throw invalidQuery(`The local BigQuery does not know the function ${name} (see macros.ts)`)
    this.#texts[at] = known
    const unit = this.#closing(at + 1) - 1
    if (UNIT_FUNCTIONS.has(name) && this.#is(unit - 1, ',')) this.#texts[unit] = `'${this.#word(unit).toLowerCase()}'`
  }

  /** UNNEST(array) AS item: the item is a column, and not a table as it would be in DuckDB. */
  #unnest(at: number): void {
    this.#texts[at] = '(SELECT UNNEST'
    const closing = this.#closing(at + 1)
    this.#closings[this.#word(closing + 1) === 'AS' ? closing + 2 : closing] += ')'
  }

  /** The bracket that closes the one at this place. */
  #closing(opening: number): number {
    let open = 0
    for (let at = opening; at < this.#tokens.length; at++) {
      if (this.#is(at, '(')) open++
      if (this.#is(at, ')') && --open === 0) return at
    }
    throw syntaxError(this.#sql, this.#sql.length)
  }
}
