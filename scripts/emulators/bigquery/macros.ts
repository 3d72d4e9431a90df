/**
 * BigQuery's functions for DuckDB. A name on the left, called in BigQuery's dialect, becomes the macro of that name with
 * `bq_` before it. Only what the project's views and scripts use: a function that is neither here nor in `SAME_FUNCTIONS`
 * is refused by name, rather than run with whatever DuckDB takes it for.
 */
export const MACROS: Readonly<Record<string, string>> = {
  ARRAY_LENGTH: '(items) AS len(items)',
  COUNTIF: '(condition) AS count(CASE WHEN condition THEN 1 END)', // count_if of nothing but NULL is NULL
  IF: '(condition, yes, otherwise) AS CASE WHEN condition THEN yes ELSE otherwise END',
  CURRENT_TIMESTAMP: "() AS CAST(getvariable('now') AS TIMESTAMP)",
  DATE: '(moment) AS CAST(moment AS DATE)',
  LOGICAL_OR: '(condition) AS bool_or(condition)',
  LOGICAL_AND: '(condition) AS bool_and(condition)',
  JSON_VALUE:
    "(document, path) AS CASE WHEN json_type(document, path) IN ('OBJECT', 'ARRAY') THEN NULL ELSE json_extract_string(document, path) END",
  JSON_QUERY: '(document, path) AS json_extract(document, path)',
  PARSE_JSON: '(written) AS CAST(written AS JSON)',
  TO_JSON_STRING: '(document) AS CAST(to_json(document) AS VARCHAR)',
  SAFE_DIVIDE: '(dividend, divisor) AS dividend / nullif(divisor, 0)',
  SAFE_CONVERT_BYTES_TO_STRING: '(bytes) AS try(decode(bytes))',
  CONCAT: '(a, b) AS a || b, (a, b, c) AS a || b || c, (a, b, c, d) AS a || b || c || d', // DuckDB's own takes NULL for the empty string
  SHA256: '(whole) AS unhex(sha256(whole))',
  TO_HEX: '(bytes) AS lower(hex(bytes))',
  REGEXP_EXTRACT: "(whole, pattern) AS nullif(regexp_extract(whole, pattern, 1), '')", // of a pattern with one group
  STARTS_WITH: '(whole, beginning) AS starts_with(whole, beginning)',
  // Not the literal TIMESTAMP '…', which has no bracket.
  TIMESTAMP: '(day) AS CAST(day AS TIMESTAMP)',
  DATE_ADD: '(day, span) AS CAST(day + span AS DATE)',
  DATE_SUB: '(day, span) AS CAST(day - span AS DATE)',
  TIMESTAMP_SECONDS: '(seconds) AS make_timestamp(CAST(seconds AS BIGINT) * 1000000)',
  TIMESTAMP_MILLIS: '(milliseconds) AS make_timestamp(CAST(milliseconds AS BIGINT) * 1000)',
  TIMESTAMP_MICROS: '(microseconds) AS make_timestamp(CAST(microseconds AS BIGINT))',
  UNIX_SECONDS: '(moment) AS CAST(floor(epoch_us(moment) / 1000000) AS BIGINT)',
  UNIX_MILLIS: '(moment) AS CAST(floor(epoch_us(moment) / 1000) AS BIGINT)',
  TIMESTAMP_ADD: '(moment, span) AS moment + span',
  TIMESTAMP_SUB: '(moment, span) AS moment - span',
  // The unit arrives as a string. BigQuery counts whole units, as date_sub does (date_diff counts boundaries).
  TIMESTAMP_DIFF: '(later, earlier, unit) AS date_sub(unit, earlier, later)',
  TIMESTAMP_TRUNC: '(moment, unit) AS date_trunc(unit, moment)',
}

/** Functions that mean the same in both dialects, as far as the views and scripts use them. */
export const SAME_FUNCTIONS: ReadonlySet<string> = new Set([
  ...['ANY_VALUE', 'AVG', 'COUNT', 'MAX', 'MAX_BY', 'MIN', 'MIN_BY', 'STRING_AGG', 'SUM'],
  ...['DENSE_RANK', 'FIRST_VALUE', 'LAG', 'LAST_VALUE', 'LEAD', 'RANK', 'ROW_NUMBER'],
  ...['ABS', 'ARRAY', 'COALESCE', 'IFNULL', 'LENGTH', 'LOWER', 'NULLIF', 'ROUND', 'TRIM', 'UPPER'],
])

/** Functions whose last argument is a unit, written as a bare word. */
export const UNIT_FUNCTIONS: ReadonlySet<string> = new Set(['TIMESTAMP_DIFF', 'TIMESTAMP_TRUNC'])

/** What a fresh DuckDB is told before anything else. */
export const PREPARATION: readonly string[] = [
  "SET TimeZone = 'UTC'",
  "SET default_null_order = 'nulls_first_on_asc_last_on_desc'", // BigQuery: NULL is the least of all values
  ...Object.entries(MACROS).map(([name, body]) => `CREATE OR REPLACE TEMP MACRO bq_${name.toLowerCase()}${body}`),
]
