import type { MessageRow } from '../../console/areas/messages/row.ts'

/** A filter as it was typed: `topic:track outcome:refused person:ada -lane:bulk attempts:>1 receipt`. */
export interface Filter {
  readonly matches: (row: MessageRow) => boolean
  /** Why it is not what the person meant; what can be understood of it holds all the same. */
  readonly problem: string | undefined
}

/** What each field looks at, and whether a value may stand anywhere in it. */
const FIELDS: Readonly<
  Record<string, { readonly of: (row: MessageRow) => string | undefined; readonly within: boolean }>
> = {
  topic: { of: ({ topic }) => topic, within: false },
  outcome: { of: ({ outcome }) => outcome, within: false },
  lane: { of: ({ lane }) => lane ?? 'normal', within: false },
  id: { of: ({ id }) => id, within: false },
  person: { of: ({ person }) => person, within: true },
  name: { of: ({ what, template }) => `${what} ${template ?? ''}`, within: true },
  reason: { of: ({ reason }) => reason, within: true },
}

type Test = (row: MessageRow) => boolean

/** Words of one field are alternatives; everything else must hold together. Pure. */
export function parseFilter(text: string): Filter {
  const all: Test[] = []
  const alternatives = new Map<string, Test[]>()
  let problem: string | undefined
  for (const { negated, field, value } of wordsOf(text)) {
    const test = field === undefined ? containing(value) : testOf(field, value)
    if (typeof test === 'string') {
      problem ??= test
      continue
    }
    if (negated) all.push((row) => !test(row))
    else if (field === undefined) all.push(test)
    else alternatives.set(field, [...(alternatives.get(field) ?? []), test])
  }
  for (const tests of alternatives.values()) all.push((row) => tests.some((test) => test(row)))
  return { matches: (row) => all.every((test) => test(row)), problem }
}

interface Word {
  readonly negated: boolean
  readonly field: string | undefined
  readonly value: string
}

/** A value with spaces stands in quotes. A field without a value is still being typed. */
function wordsOf(text: string): readonly Word[] {
  return [...text.matchAll(/(-?)(?:([a-z]+):)?(?:"([^"]*)"?|(\S+))/gi)].flatMap(
    ([, minus, field, quoted, plain]): Word[] => {
      const value = (quoted ?? plain ?? '').toLowerCase()
      return value === '' || (field === undefined && /^-?[a-z]+:$/.test(value))
        ? []
        : [{ negated: minus === '-', field: field?.toLowerCase(), value }]
    },
  )
}

function testOf(field: string, value: string): Test | string {
  if (field === 'attempts') return attempts(value) ?? `attempts: takes a number, as in attempts:3 or attempts:>1`
  const known = Object.hasOwn(FIELDS, field) ? FIELDS[field] : undefined
  if (known === undefined) return `there is no ${field}: here, only ${[...Object.keys(FIELDS), 'attempts'].join(', ')}`
  const { of, within } = known
  return (row) => {
    const found = of(row)?.toLowerCase()
    return found !== undefined && (within ? found.includes(value) : found.startsWith(value))
  }
}

function attempts(value: string): Test | undefined {
  const [, sign, number] = /^([<>]?)(\d+)$/.exec(value) ?? []
  if (number === undefined) return undefined
  const wanted = Number(number)
  if (sign === '>') return (row) => row.attempts > wanted
  if (sign === '<') return (row) => row.attempts < wanted
  return (row) => row.attempts === wanted
}

const texts = new WeakMap<MessageRow, string>()

function containing(value: string): Test {
  return (row) => {
    let text = texts.get(row)
    if (text === undefined) {
      const { id, topic, person = '', what, template = '', outcome, reason = '' } = row
      text = [id, topic, person, what, template, outcome, reason].join(' ').toLowerCase()
      texts.set(row, text)
    }
    return text.includes(value)
  }
}
