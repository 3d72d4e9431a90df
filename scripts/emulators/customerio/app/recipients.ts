import { domainToASCII } from 'node:url'
import { isObject, type JsonObject } from '../json.ts'

const LIQUID = /\{\{|\{%/
/** `{{ customer.email }}` or `{{trigger.to}}`; filters behind a `|` are left out. */
const OUTPUT = /\{\{\s*(customer|trigger)\.([\w.]+)[^}]*\}\}/g

/** True when Customer.io fills the text in at send time. */
export function isLiquid(text: string): boolean {
  return LIQUID.test(text)
}

/** Fills in a template with what is known of the person and the message; what nobody knows becomes nothing. */
export function filledIn(template: string, customer: JsonObject, trigger: JsonObject): string {
  const sources: Readonly<Record<string, JsonObject>> = { customer, trigger }
  return template.replace(OUTPUT, (_all, source: string, path: string) => {
    const value = path.split('.').reduce<unknown>((at, name) => (isObject(at) ? at[name] : undefined), sources[source])
    return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
  })
}

/** The parts of an address list; commas within quotes and angle brackets part nothing. */
export function addressesIn(list: string): string[] {
  const parts: string[] = []
  let part = ''
  let quoted = false
  let angled = false
  for (const char of list) {
    if (char === '"') quoted = !quoted
    else if (!quoted && (char === '<' || char === '>')) angled = char === '<'
    if (char === ',' && !quoted && !angled) {
      parts.push(part.trim())
      part = ''
    } else part += char
  }
  return [...parts, part.trim()].filter((text) => text !== '')
}

/** The address that a message goes to, as a delivery shows it: no display name, no `mailto:`, the domain in ASCII. */
export function bareAddress(text: string): string {
  const open = text.lastIndexOf('<')
  const address = (open < 0 ? text : text.slice(open + 1).replace('>', '')).trim().replace(/^mailto:/i, '')
  const at = address.lastIndexOf('@')
  const domain = domainToASCII(address.slice(at + 1))
  return at < 0 || domain === '' ? address : `${address.slice(0, at)}@${domain}`
}
