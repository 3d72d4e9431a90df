const LIQUID = /\{\{|\{%/

/** True when Customer.io fills the text in at send time, so that its content is not ours to check. */
export function isLiquid(text: string): boolean {
  return LIQUID.test(text)
}

/** Splits a comma-separated list, minding commas within quotes and angle brackets; undefined when one is left open. */
function splitAddresses(list: string): string[] | undefined {
  const addresses: string[] = []
  let address = ''
  let quoted = false
  let angled = false
  for (let i = 0; i < list.length; i++) {
    const char = list.charAt(i)
    if (quoted && char === '\\') {
      address += char + list.charAt(++i)
      continue
    }
    if (char === '"') quoted = !quoted
    else if (!quoted && char === '<') angled = true
    else if (!quoted && char === '>') angled = false
    if (char === ',' && !quoted && !angled) {
      addresses.push(address.trim())
      address = ''
    } else address += char
  }
  addresses.push(address.trim())
  return quoted || angled ? undefined : addresses
}

/** `someone@example.com`, `Some One <someone@example.com>` or `"One, Some" <someone@example.com>`. */
function isAddress(text: string): boolean {
  const address = text.endsWith('>') ? text.slice(text.lastIndexOf('<') + 1, -1) : text
  return /^[^\s@<>]+@[^\s@<>]+$/.test(address)
}

/** How many addresses a list names (1 where Liquid decides), or undefined when one of them is no address. */
export function countRecipients(list: string): number | undefined {
  // It would begin another header, and with it another recipient.
  if (/[\r\n]/.test(list)) return undefined
  if (isLiquid(list)) return 1
  const addresses = splitAddresses(list)
  return addresses?.every(isAddress) ? addresses.length : undefined
}

/** A phone number in E.164 format, or Liquid that will give one. */
export function isPhoneNumberOrLiquid(text: string): boolean {
  return isLiquid(text) || /^\+[1-9]\d{1,14}$/.test(text)
}
