import { type BaseNode, cstVisitor, type Node, type Program, parse, type Statement } from 'sql-parser-cst'
import { invalidQuery } from './errors.ts'
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
}

export interface TranslateOptions {
  /** The name in DuckDB of a table that is read; `"dataset"."table"` by default. */
  readonly written: (name: TableName) => string
}

interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

const KINDS: Readonly<Partial<Record<Statement['type'], Translated['kind']>>> = {
  select_stmt: 'SELECT',
  compound_select_stmt: 'SELECT',
  delete_stmt: 'DELETE',
  update_stmt: 'UPDATE',
}

/**
 * One statement of BigQuery's dialect in DuckDB's. The statement is parsed as BigQuery's, and only the words that differ are
 * replaced, so what is not replaced means the same in both. Throws `invalidQuery` for what does not parse, and for
 * statements and functions that are not offered. `written` names the table that a DELETE or an UPDATE changes.
 */
export function translate(sql: string, { written }: TranslateOptions): Translated {
  const program = parsed(sql)
  const statement = onlyStatement(program)
  const kind = KINDS[statement.type]
  if (kind === undefined)
    throw invalidQuery(`The local BigQuery does not run a ${statement.type.replace(/_stmt$/, '')}`)
  const edits: Edit[] = []
  const target = kind === 'SELECT' ? undefined : targetOf(statement)
  const replace = (node: BaseNode, text: string): void => {
    edits.push({ ...rangeOf(node), text })
  }
  const table = (node: Node): void => {
    const name = tableName(node)
    if (name === undefined) return
    replace(node, node === target?.node ? written(name) : `${quoted(name.dataset)}.${quoted(name.table)}`)
  }

  cstVisitor({
    bigquery_quoted_member_expr: table,
    from_clause: (node) => unquotedTables(node.expr).forEach(table),
    delete_clause: (node) => {
      node.tables.items.flatMap(unquotedTables).forEach(table)
      if (node.fromKw === undefined) edits.push({ ...endOf(node.deleteKw), text: ' FROM' })
    },
    update_clause: (node) => node.tables.items.flatMap(unquotedTables).forEach(table),
    identifier: (node) => {
      if (node.text.startsWith('`')) replace(node, quoted(node.name))
    },
    string_literal: (node) => replace(node, `'${node.value.replaceAll("'", "''")}'`),
    parameter: (node) => {
      // In brackets: DuckDB takes INTERVAL (expression) DAY, but no bare parameter there.
      if (node.text.startsWith('@')) replace(node, `($${node.text.slice(1)})`)
    },
    data_type_name: (node) => {
      const name = Array.isArray(node.name) ? '' : node.name.name
      if (name === 'FLOAT64') replace(node, 'DOUBLE')
    },
    cast_expr: (node) => {
      if (node.castKw.name === 'SAFE_CAST') replace(node.castKw, 'TRY_CAST')
    },
    // UNNEST(array) AS item: the item is a column, and not a table as it would be in DuckDB.
    alias: (node) => {
      if (node.expr.type !== 'unnest_expr') return
      edits.push({ start: endOf(node.expr).start, end: endOf(node).end, text: ` AS ${quoted(node.alias.name)})` })
    },
    except_columns: (node) => replace(node.exceptKw, 'EXCLUDE'),
    unnest_expr: (node) => {
      edits.push({ ...rangeOf(node.unnestKw), text: '(SELECT UNNEST' }, { ...endOf(node), text: ')' })
    },
    func_call: (node) => {
      const safe = node.name.type === 'member_expr'
      const name = nameOfFunction(node.name)
      const rendered = name in MACROS ? `bq_${name.toLowerCase()}` : SAME_FUNCTIONS.has(name) ? name : undefined
      if (rendered === undefined)
        throw invalidQuery(`The local BigQuery does not know the function ${name} (see macros.ts)`)
      replace(node.name, safe ? `TRY(${rendered}` : rendered)
      if (safe) edits.push({ ...endOf(node), text: ')' })
      if (node.args === undefined && name === 'CURRENT_TIMESTAMP') edits.push({ ...endOf(node), text: '()' })
      const unit = UNIT_FUNCTIONS.has(name) ? node.args?.expr.args.items.at(-1) : undefined
      if (unit?.type === 'identifier') replace(unit, `'${unit.text.toLowerCase()}'`)
    },
  })(program)
  const translated = { kind, sql: applied(sql, edits) }
  return target === undefined ? translated : { ...translated, target: target.name }
}

function parsed(sql: string): Program {
  try {
    return parse(sql, {
      dialect: 'bigquery',
      paramTypes: ['?', '@name'],
      includeRange: true,
      includeSpaces: true,
      includeNewlines: true,
      includeComments: true,
    })
  } catch (error) {
    throw invalidQuery(`Syntax error: ${error instanceof Error ? error.message : 'unknown'}`)
  }
}

function onlyStatement(program: Program): Statement {
  const statements = program.statements.filter((statement) => statement.type !== 'empty')
  const [statement] = statements
  if (statement === undefined || statements.length > 1)
    throw invalidQuery('The local BigQuery runs one statement a query')
  return statement
}

function targetOf(statement: Statement): { readonly node: Node; readonly name: TableName } {
  const tables = (
    statement.type === 'delete_stmt' || statement.type === 'update_stmt' ? statement.clauses : []
  ).flatMap((clause): Node[] =>
    clause.type === 'delete_clause' || clause.type === 'update_clause' ? clause.tables.items.flatMap(innermost) : [],
  )
  const [node] = tables
  const name = node === undefined ? undefined : tableName(node)
  if (node === undefined || name === undefined) throw invalidQuery('Table must be qualified with a dataset')
  return { node, name }
}

/** The tables of a FROM clause that are not within backticks: those are found by their own kind of node. */
function unquotedTables(node: Node): Node[] {
  return innermost(node).filter((inner) => inner.type === 'member_expr')
}

function innermost(node: Node): Node[] {
  if (node.type === 'alias') return innermost(node.expr)
  if (node.type === 'join_expr') return [...innermost(node.left), ...innermost(node.right)]
  return [node]
}

function tableName(node: Node): TableName | undefined {
  const parts = memberNames(node.type === 'bigquery_quoted_member_expr' ? node.expr : node)
  const [table, dataset] = parts.reverse()
  if (dataset?.toUpperCase() === 'INFORMATION_SCHEMA')
    throw invalidQuery('The local BigQuery has no INFORMATION_SCHEMA')
  return table === undefined || dataset === undefined ? undefined : { dataset, table }
}

function memberNames(node: Node): string[] {
  if (node.type === 'identifier') return [node.name]
  if (node.type === 'member_expr') return [...memberNames(node.object), ...memberNames(node.property)]
  return []
}

/** `f` of `f(…)` and of `SAFE.f(…)`, in capitals. */
function nameOfFunction(name: Node): string {
  const parts = memberNames(name).map((part) => part.toUpperCase())
  if (parts.length === 2 && parts[0] === 'SAFE') parts.shift()
  return parts.join('.')
}

function rangeOf(node: BaseNode): { readonly start: number; readonly end: number } {
  if (node.range === undefined) throw new Error('parsed without ranges')
  const [start, end] = node.range
  return { start, end }
}

function endOf(node: BaseNode): { readonly start: number; readonly end: number } {
  const { end } = rangeOf(node)
  return { start: end, end }
}

/** `sql` with the edits made. Where a quoted name lies within a name that is replaced as a whole, the whole wins. */
function applied(sql: string, edits: readonly Edit[]): string {
  let text = ''
  let position = 0
  for (const edit of edits.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    if (edit.start < position) continue
    text += sql.slice(position, edit.start) + edit.text
    position = edit.end
  }
  return text + sql.slice(position)
}
