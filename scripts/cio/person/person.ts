import { createHash } from 'node:crypto'
import { IdentifierType } from 'customerio-node'
import { z } from 'zod'
import {
  type HashRing,
  hashOfPerson,
  type Identifier,
  type IdentifierKind,
  identifierOf,
  keyOf,
  mailboxOf,
  parseHashRing,
  phoneOf,
} from '../../../shared/identity/index.ts'
import type { Context } from '../context.ts'
import { describeFailure } from '../customerio.ts'
import { CommandError, usageError } from '../errors.ts'

/** How an operator names a person. */
export interface GivenNames {
  readonly id?: string
  readonly email?: string
  readonly phone?: string
}

/** The names of one person, each in the form in which `shared/identity` compares it. */
export interface Person {
  readonly id: string | undefined
  readonly email: string | undefined
  readonly phone: string | undefined
  readonly cioId: string | undefined
}

const identifiersSchema = z.looseObject({
  id: z.string().nullish(),
  email: z.string().nullish(),
  cio_id: z.string().nullish(),
})
const byIdSchema = z.looseObject({ customer: z.looseObject({ identifiers: identifiersSchema }) })
const byEmailSchema = z.looseObject({ results: z.array(identifiersSchema) })

/** Finds the person, with the other names that Customer.io knows. Throws when the names belong to two people. */
export async function findPerson(
  context: Context,
  given: GivenNames,
): Promise<{ readonly person: Person; readonly atCustomerIo: boolean }> {
  const { id, email, phone } = readNames(given)
  const [byId, byEmail] = [
    id === undefined ? undefined : await askById(context, id),
    email === undefined ? undefined : await askByEmail(context, email),
  ]
  if (differ(byId?.cioId, byEmail?.cioId) || differ(byId?.email, email) || differ(byEmail?.id, id)) {
    throw new CommandError('at Customer.io this id and this e-mail address belong to different people', {
      hint: 'Give only one of --id and --email.',
    })
  }
  const person = {
    id: id ?? byEmail?.id,
    email: email ?? byId?.email,
    phone,
    cioId: byId?.cioId ?? byEmail?.cioId,
  }
  return { person, atCustomerIo: byId !== undefined || byEmail !== undefined }
}

/**
 * Ids are compared to the letter, so blanks around one are more likely a slip than a part of it.
 *
 * @param before what stands before each name on the command line, for errors
 */
export function readNames(
  { id, email, phone }: GivenNames,
  before: (kind: keyof GivenNames) => string = (kind) => `--${kind} `,
): Omit<Person, 'cioId'> {
  if (id === undefined && email === undefined && phone === undefined) {
    throw usageError('--id, --email or --phone is missing; give all that you know')
  }
  if (id !== undefined && (id === '' || id !== id.trim())) {
    throw usageError(
      `${before('id')}${JSON.stringify(id)}: an id is compared to the letter, and this one is empty or has blanks around it`,
    )
  }
  const mailbox = email === undefined ? undefined : mailboxOf(email)
  if (email !== undefined && mailbox === undefined) {
    throw usageError(`${before('email')}${email}: not an e-mail address`, 'Write it as ada@example.com.')
  }
  const number = phone === undefined ? undefined : phoneOf(phone)
  if (phone !== undefined && number === undefined) {
    throw usageError(
      `${before('phone')}${phone}: not a phone number with its country code`,
      'Write it as +14155552671.',
    )
  }
  return { id, email: mailbox, phone: number }
}

/** An unknown name differs from nothing. */
function differ(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && one !== other
}

async function askById({ connection }: Context, id: string): Promise<Person | undefined> {
  const client = await connection.customerIo().app()
  try {
    const { identifiers } = byIdSchema.parse(await client.getAttributes(id, IdentifierType.Id)).customer
    return personOf(identifiers)
  } catch (error) {
    return absentOr(error)
  }
}

async function askByEmail({ connection }: Context, email: string): Promise<Person | undefined> {
  const client = await connection.customerIo().app()
  try {
    const { results } = byEmailSchema.parse(await client.getCustomersByEmail(email))
    if (results.length > 1) {
      throw new CommandError('Customer.io has several people with this e-mail address', { hint: 'Use --id.' })
    }
    return results[0] === undefined ? undefined : personOf(results[0])
  } catch (error) {
    return absentOr(error)
  }
}

function personOf({ id, email, cio_id }: z.infer<typeof identifiersSchema>): Person {
  const value = (kind: IdentifierKind, name: unknown) => identifierOf(kind, name)?.value
  return { id: value('id', id), email: value('email', email), phone: undefined, cioId: value('cio_id', cio_id) }
}

function absentOr(error: unknown): undefined {
  if (error instanceof CommandError) throw error
  const { status, words, hint } = describeFailure(error)
  if (status !== 404) throw new CommandError(words, { hint })
}

/** The names of a person, for whoever has to say whether a message is about them. */
export function namesOf({ id, email, phone, cioId }: Person): readonly Identifier[] {
  return [
    identifierOf('id', id),
    identifierOf('email', email),
    identifierOf('phone', phone),
    identifierOf('cio_id', cioId),
  ].filter((name) => name !== undefined)
}

/** `id zed, e-mail zed@example.com`: for prompts. */
export function describePerson({ id, email, phone }: Person): string {
  return [id && `id ${id}`, email && `e-mail ${email}`, phone && `phone ${phone}`].filter(Boolean).join(', ')
}

/** How a journal keeps a name: with each key of the ring, the current one first, and as before there was one. */
export function nameHashes(ring: HashRing, name: Identifier): readonly string[] {
  return [...ring.map((key) => hashOfPerson(key, name)), createHash('sha256').update(keyOf(name)).digest('hex')]
}

/** The keys of PERSON_HASH_KEYS, by which ledger and journals know people. */
export async function hashRingOf({ connection }: Pick<Context, 'connection'>): Promise<HashRing> {
  const ring = parseHashRing((await connection.secrets().latest('PERSON_HASH_KEYS'))?.value ?? '')
  if (ring !== undefined) return ring
  throw new CommandError('PERSON_HASH_KEYS has no keys, by which the send ledger knows people', {
    hint: 'Set it: npx cio-gcp secrets set PERSON_HASH_KEYS --generate',
  })
}

const KINDS: ReadonlySet<string> = new Set(['id', 'email', 'phone'] satisfies readonly (keyof GivenNames)[])

/** The name in `--person`, such as `id:ada`. Pure; throws a usage error that says what is wrong and what it looks like. */
export function namesIn(text: string): GivenNames {
  const at = text.indexOf(':')
  const [kind, value] = [text.slice(0, Math.max(0, at)), text.slice(at + 1)]
  if (KINDS.has(kind) && value !== '') {
    const names: GivenNames = { [kind]: value }
    readNames(names, (each) => `--person ${each}:`)
    return names
  }
  throw usageError(
    `--person ${text}: it must say what kind of name it is`,
    'Write id:ada, email:ada@example.com or phone:+14155552671.',
  )
}
