import type { z } from 'zod'
import { byteLength } from './text.ts'

/** One broken rule, and where. Never a value: values are personal data. */
export interface Problem {
  readonly path: readonly PropertyKey[]
  readonly rule: string
}

/** An error fits into one attribute of a dead letter with room to spare. */
const ERROR_BYTES = 900
const PROBLEM_CHARACTERS = 240
const KEY_CHARACTERS = 40

/** Cut by characters, not by halves of them. */
function cut(text: string, characters: number): string {
  const all = Array.from(text)
  return all.length > characters ? `${all.slice(0, characters).join('')}…` : text
}

/** Names of any alphabet as they are; anything else, which may be hostile, quoted and escaped. */
function renderKey(key: PropertyKey, first: boolean): string {
  if (typeof key === 'number') return `[${key}]`
  const name = cut(String(key).slice(0, KEY_CHARACTERS * 2 + 1), KEY_CHARACTERS)
  if (/^[\p{L}\p{M}\p{N}_$-]+…?$/u.test(name)) return first ? name : `.${name}`
  return `[${JSON.stringify(name).replace(/[^\x20-\x7e\p{L}\p{M}\p{N}…]/gu, '?')}]`
}

/** `attributes.plan`, `ids[3]`, `attributes["a b"]`; the whole message is `message`. */
export function renderPath(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'message'
  return path.map((key, index) => renderKey(key, index === 0)).join('')
}

/** All problems as one bounded line: `attributes.plan: 1203 bytes, at most 1000; name: required`. */
export function renderProblems(problems: readonly Problem[]): string {
  let line = ''
  for (const [index, problem] of problems.entries()) {
    const next = `${cut(renderPath(problem.path), PROBLEM_CHARACTERS)}: ${cut(problem.rule, PROBLEM_CHARACTERS)}`
    const joined = index === 0 ? next : `${line}; ${next}`
    if (byteLength(joined) > ERROR_BYTES) return `${line}; and ${problems.length - index} more`
    line = joined
  }
  return line
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'an integer',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
}

/** Our words for zod's own issues; those with words of their own keep them. */
export function ruleOf(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'required' : `must be ${KINDS[issue.expected] ?? issue.expected}`
    case 'invalid_value':
      return `must be ${issue.values.map(String).join(' or ')}`
    case 'too_small':
      if (issue.origin === 'string') return 'must not be empty'
      if (issue.origin === 'array') return `at least ${issue.minimum} item`
      return `must be ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}`
    case 'too_big':
      return issue.origin === 'array' ? `at most ${issue.maximum} items` : `must be at most ${issue.maximum}`
    case 'invalid_key':
      return `name: ${issue.issues[0]?.message}`
    default:
      return undefined
  }
}

/** A branch of a union is meant when the value has its type and no field that is foreign to it. */
function isMeant(branch: readonly z.core.$ZodIssue[]): boolean {
  return !branch.some(
    ({ code, path }) => code === 'unrecognized_keys' || (code === 'invalid_type' && path.length === 0),
  )
}

/** What may have been meant by an unknown field of what the path leads to; empty when there is no idea. */
export type Hint = (path: readonly PropertyKey[], key: string) => string

/** zod's issues as problems: each unknown field on its own, a union by the branch that was meant. */
export function problemsOf(
  issues: readonly z.core.$ZodIssue[],
  hint: Hint,
  prefix: readonly PropertyKey[] = [],
): Problem[] {
  return issues.flatMap((issue): Problem[] => {
    const path = [...prefix, ...issue.path]
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ path: [...path, key], rule: `unknown field${hint(path, key)}` }))
    }
    if (issue.code === 'invalid_union') {
      const meant = issue.errors.filter(isMeant)
      const [only] = meant
      if (meant.length === 1 && only) return problemsOf(only, hint, path)
    }
    return [{ path, rule: issue.message }]
  })
}
