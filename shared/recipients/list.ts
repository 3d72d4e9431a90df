import { isLiquid } from '../contract/index.ts'
import { type Identifier, identifierOf, mailboxesOf, mailboxOf, phoneOf } from '../identity/index.ts'
import type { AllowRule, RecipientRules, RuleKind } from './rules.ts'

/** The people and addresses that an environment may write to. */
export interface RecipientList {
  /** A name of the kind: to the letter, except for `*` in the rule. */
  allowsName(kind: RuleKind, name: string): boolean
  /** One mailbox, as `mailboxOf` gives it. */
  allowsMailbox(mailbox: string): boolean
  allowsPhone(number: string): boolean
  allowsPerson(person: Identifier): boolean
  /** Whether every address that stands anywhere in the text is on the list. True for a text that names none. */
  allowsAllIn(text: string): boolean
  /** Whether a text that should be an address, or several, is on the list with all of them. False for one that is none. */
  allowsContact(text: string): boolean
}

/** Compares as the product compares people: mailboxes without regard to case, domains in ASCII, numbers in E.164. */
export function listOf({ allow, redirect_to: target }: RecipientRules): RecipientList {
  const of = (kind: AllowRule['kind']) => allow.flatMap((rule) => (rule.kind === kind ? [rule.value] : []))
  const domains = new Set(of('domain'))
  const mailboxes = new Set([...of('email'), ...(target?.email === undefined ? [] : mailboxesOf(target.email))])
  const phones = new Set([...of('phone'), ...(target?.phone === undefined ? [] : [target.phone])])
  const patterns = new Map<RuleKind, readonly string[][]>()

  function allowsName(kind: RuleKind, name: string): boolean {
    const ofKind = patterns.get(kind) ?? of(kind).map((pattern) => pattern.split('*'))
    patterns.set(kind, ofKind)
    return ofKind.some((parts) => matches(parts, name))
  }
  function allowsMailbox(mailbox: string): boolean {
    if (mailbox.indexOf('@') !== mailbox.lastIndexOf('@')) return false
    return mailboxes.has(mailbox) || domains.has(mailbox.slice(mailbox.lastIndexOf('@') + 1))
  }
  function allowsPhone(number: string): boolean {
    return phones.has(phoneOf(number) ?? number)
  }

  return {
    allowsName,
    allowsMailbox,
    allowsPhone,
    allowsPerson({ kind, value }) {
      if (kind === 'email') return allowsMailbox(identifierOf('email', value)?.value ?? value)
      return kind === 'phone' ? allowsPhone(value) : allowsName(kind, value)
    },
    allowsContact(text) {
      const phone = phoneOf(text)
      if (phone !== undefined) return allowsPhone(phone)
      const mailboxes = addressesIn(text)
      return mailboxes.length > 0 && mailboxes.every(allowsMailbox)
    },
    allowsAllIn: (text) => addressesIn(text).every(allowsMailbox) && phonesIn(text).every(allowsPhone),
  }
}

/** What stands around an address in a list and in JSON; within Liquid a name ends at more. */
const AROUND = /[\s<>,;"()[\]\\]/
const AROUND_IN_LIQUID = /[\s<>,;"()[\]\\'`{}|:=]/

/**
 * Every mailbox that a text names: as a list of addresses, and wherever else one stands, such as in a display name, since
 * another reader of the list may take that one, or between the braces of Liquid.
 */
function addressesIn(text: string): readonly string[] {
  const anywhere = text
    // Some readers take a full-width `＠` or comma for the plain one.
    .normalize('NFKC')
    .split(isLiquid(text) ? AROUND_IN_LIQUID : AROUND)
    .filter((word) => word.includes('@') && word !== '@')
  return [...mailboxesOf(text), ...anywhere.map(readWord)]
}

/**
 * A word with two `@` is left as it is, which no rule allows: which of them counts depends on who reads it. So is a link, which
 * may name others behind its question mark.
 */
function readWord(word: string): string {
  if (/^mailto:.*\?/i.test(word)) return word
  return word.indexOf('@') === word.lastIndexOf('@') ? (mailboxOf(word) ?? word) : word
}

/** A phone number in E.164 format, as a text or between quotes. */
function phonesIn(text: string): readonly string[] {
  return text.match(/(?<![\w+])\+[1-9]\d{6,14}(?![\w@])/g) ?? []
}

/** Whether a text is the parts with anything between them. Greedy, so linear but for the search of each part. */
function matches(parts: readonly string[], text: string): boolean {
  const [first = '', ...rest] = parts
  const last = rest.pop()
  if (last === undefined) return text === first
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false
  let at = first.length
  const end = text.length - last.length
  for (const part of rest) {
    const found = text.indexOf(part, at)
    if (found < 0 || found + part.length > end) return false
    at = found + part.length
  }
  return true
}
