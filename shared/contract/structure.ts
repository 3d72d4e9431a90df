import { isRecord } from '../json/index.ts'
import { LIMITS } from './limits.ts'
import type { Problem } from './problems.ts'

function brokenRule(value: unknown): string | undefined {
  if (typeof value === 'string' && !value.isWellFormed()) return 'holds half a surrogate pair: no valid Unicode'
  if (typeof value !== 'number') return undefined
  if (!Number.isFinite(value)) return 'is too large a number'
  // JSON.parse has already changed its last digits: sent on, it would be another number.
  return Number.isInteger(value) && !Number.isSafeInteger(value)
    ? 'is an integer beyond 2^53, which would lose digits: send it as a string'
    : undefined
}

function brokenNameRule(name: string): string | undefined {
  if (!name.isWellFormed()) return 'name: holds half a surrogate pair: no valid Unicode'
  // As a name it would vanish, or worse, when objects are copied.
  return name === '__proto__' ? 'name: is reserved by JavaScript' : undefined
}

/**
 * What is wrong with a parsed JSON document at any place, whatever its schema: more names than time should be spent on,
 * texts that are no Unicode (Customer.io's SDK throws on them), numbers that JSON.parse has changed, `__proto__`. Stops at
 * `most` problems. How deep it nests and how many values it has was found before it was parsed.
 */
export function structureProblems(document: unknown, most: number): Problem[] {
  const problems: Problem[] = []
  // The way to the current value.
  const path: (string | number)[] = []

  const report = (rule: string) => problems.push({ path: [...path], rule })

  function visit(value: unknown): void {
    const rule = brokenRule(value)
    if (rule) report(rule)
    if (Array.isArray(value)) {
      for (let index = 0; index < value.length && problems.length < most; index++) enter(index, value[index])
      return
    }
    if (!isRecord(value)) return
    const names = Object.keys(value)
    if (names.length > LIMITS.names) {
      report(`more than ${LIMITS.names} names in one object`)
      return
    }
    for (const name of names) {
      if (problems.length >= most) return
      enter(name, value[name], brokenNameRule(name))
    }
  }

  function enter(key: string | number, child: unknown, nameRule?: string): void {
    path.push(key)
    if (nameRule) report(nameRule)
    else visit(child)
    path.pop()
  }

  visit(document)
  return problems
}
