import { LIMITS } from './limits.ts'
import type { Problem } from './problems.ts'

interface Node {
  readonly value: unknown
  readonly key: string | number
  readonly parent: Node | undefined
  readonly depth: number
}

function pathOf(node: Node): (string | number)[] {
  const path: (string | number)[] = []
  for (let at = node; at.parent; at = at.parent) path.push(at.key)
  return path.reverse()
}

function brokenRule(value: unknown): string | undefined {
  if (typeof value === 'string' && !value.isWellFormed()) return 'holds half a surrogate pair: no valid Unicode'
  if (typeof value !== 'number') return undefined
  if (!Number.isFinite(value)) return 'is too large a number'
  // JSON.parse has already changed its last digits: sent on, it would be another number.
  return Number.isInteger(value) && !Number.isSafeInteger(value)
    ? 'is an integer beyond 2^53, which would lose digits: send it as a string'
    : undefined
}

function brokenKeyRule(key: string): string | undefined {
  if (!key.isWellFormed()) return 'name: holds half a surrogate pair: no valid Unicode'
  // As a name it would vanish, or worse, when objects are copied.
  return key === '__proto__' ? 'name: is reserved by JavaScript' : undefined
}

/**
 * What is wrong with a parsed JSON document at any place, whatever its schema: nesting that would overflow a stack,
 * texts that are no Unicode (Customer.io's SDK throws on them), numbers that JSON.parse has changed, `__proto__`.
 * Walks with a stack of its own; stops at `most` problems.
 */
export function structureProblems(document: unknown, most: number): Problem[] {
  const problems: Problem[] = []
  const stack: Node[] = [{ value: document, key: '', parent: undefined, depth: 0 }]
  for (let node = stack.pop(); node && problems.length < most; node = stack.pop()) {
    const rule = brokenRule(node.value)
    if (rule) problems.push({ path: pathOf(node), rule })
    if (typeof node.value !== 'object' || node.value === null) continue
    if (node.depth >= LIMITS.depth) {
      return [{ path: pathOf(node), rule: `nested deeper than ${LIMITS.depth} levels` }]
    }
    const isList = Array.isArray(node.value)
    for (const [key, value] of Object.entries(node.value)) {
      const child: Node = { value, key: isList ? Number(key) : key, parent: node, depth: node.depth + 1 }
      const keyRule = isList ? undefined : brokenKeyRule(key)
      if (keyRule) problems.push({ path: pathOf(child), rule: keyRule })
      else stack.push(child)
    }
  }
  return problems
}
