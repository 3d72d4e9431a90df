import { domainToASCII } from 'node:url'

/**
 * The mailboxes that an address list names, in one form each: `name@domain`, in lower case, the domain in ASCII
 * (punycode). Display names, comments, groups, angle brackets and `mailto:` are left out. Two lists that reach the same
 * mailbox share an entry, however each is written.
 *
 * One pass over the text, whatever is in it: the list comes from a publisher and may be long. The parsers of the
 * registry were measured: `email-addresses` takes 0.15 ms per character, and nodemailer's has had four reports of
 * quadratic time.
 *
 * @returns the mailboxes in the order of the list; what names none is left out
 */
export function mailboxesOf(list: string): string[] {
  return readList(list).mailboxes
}

/** The mailbox of a text that is one address, however it is written; undefined for a list, and for what is no address. */
export function mailboxOf(address: string): string | undefined {
  const { entries, mailboxes } = readList(address)
  return entries === 1 ? mailboxes[0] : undefined
}

/** Whether two address lists reach a mailbox in common. */
export function shareMailbox(one: string, other: string): boolean {
  const mailboxes = new Set(mailboxesOf(other))
  return mailboxesOf(one).some((mailbox) => mailboxes.has(mailbox))
}

/** `entries`: how many there are between the separators, addresses or not. */
function readList(list: string): { readonly entries: number; readonly mailboxes: string[] } {
  const found = new Set<string>()
  let entries = 0
  let plain = ''
  let angled: string | undefined
  const end = (): void => {
    if (plain.trim() !== '' || angled !== undefined) entries++
    const mailbox = canonicalMailbox(angled ?? plain)
    if (mailbox !== undefined) found.add(mailbox)
    plain = ''
    angled = undefined
  }
  const scan = new Scan(list)
  for (;;) {
    const token = scan.next()
    if (token === undefined) break
    if (token === ',' || token === ';') end()
    else if (token.startsWith('<')) angled = token.slice(1)
    // The name of a group ends in a colon.
    else if (token === ':') plain = /^\s*mailto$/i.test(plain) ? 'mailto:' : ''
    else plain += token
  }
  end()
  return { entries, mailboxes: [...found] }
}

/** Reads a list in tokens: a separator, `<` with all up to its `>`, or one piece of text. Comments are skipped. */
class Scan {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  next(): string | undefined {
    for (;;) {
      const char = this.#text[this.#at++]
      if (char === '(') this.#skipComment()
      else if (char === '"') return this.#quoted()
      else if (char === '<') return `<${this.#until('>')}`
      else return char
    }
  }

  #quoted(): string {
    let quoted = '"'
    for (;;) {
      const char = this.#text[this.#at++]
      if (char === undefined || char === '"') return `${quoted}"`
      quoted += char === '\\' ? char + (this.#text[this.#at++] ?? '') : char
    }
  }

  #until(end: string): string {
    const start = this.#at
    const found = this.#text.indexOf(end, start)
    const stop = found < 0 ? this.#text.length : found
    this.#at = stop + 1
    return this.#text.slice(start, stop)
  }

  #skipComment(): void {
    for (let depth = 1; depth > 0; this.#at++) {
      const char = this.#text[this.#at]
      if (char === undefined) return
      if (char === '\\') this.#at++
      else if (char === '(') depth++
      else if (char === ')') depth--
    }
  }
}

/** `undefined` for what is no address. */
function canonicalMailbox(text: string): string | undefined {
  const bare = withoutMailto(text.trim())
  const at = bare.lastIndexOf('@')
  if (at < 1) return undefined
  const name = unquoted(bare.slice(0, at).trim())
  const written = bare
    .slice(at + 1)
    .trim()
    .replace(/\.$/, '')
  // It reads the domain of an address of the web, and would leave out what is behind these.
  const domain = /[/\\?#%]/.test(written) ? '' : domainToASCII(written)
  return name === '' || domain === '' ? undefined : `${name.toLowerCase().normalize('NFC')}@${domain}`
}

/** `mailto:ada%2Bnews@example.com?subject=Hi`; without `mailto:`, question and percent signs belong to the name. */
function withoutMailto(text: string): string {
  if (!/^mailto:/i.test(text)) return text
  const [address = ''] = text.slice('mailto:'.length).split('?', 1)
  try {
    return decodeURIComponent(address)
  } catch {
    return address
  }
}

/** `"ada"` and `ada` are the same name; `"a b"` has to keep nothing of its quotes to be compared. */
function unquoted(name: string): string {
  if (name.length < 2 || !name.startsWith('"') || !name.endsWith('"')) return name
  return name.slice(1, -1).replace(/\\(.)/gs, '$1')
}
