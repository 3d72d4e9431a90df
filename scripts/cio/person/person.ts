import { createHash } from 'node:crypto'
import { IdentifierType } from 'customerio-node'
import { z } from 'zod'
import { personHash } from '../../../shared/ledger/index.ts'
import type { Context } from '../context.ts'
import { describeFailure } from '../customerio.ts'
import { peopleIn } from '../dead-letters/body.ts'
import { CommandError, usageError } from '../errors.ts'

/** The names of one person. E-mail addresses are in lower case. */
export interface Person {
  readonly id: string | undefined
  readonly email: string | undefined
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
  given: { readonly id?: string; readonly email?: string },
): Promise<{ readonly person: Person; readonly atCustomerIo: boolean }> {
  const id = given.id?.trim() || undefined
  const email = given.email?.trim().toLowerCase() || undefined
  if (!id && !email) throw usageError('--id or --email is missing; give both if you know them')
  if (email && !email.includes('@')) throw usageError(`--email ${email}: not an e-mail address`)
  const [byId, byEmail] = [
    id ? await askById(context, id) : undefined,
    email ? await askByEmail(context, email) : undefined,
  ]
  if (differ(byId?.cioId, byEmail?.cioId) || differ(byId?.email, email) || differ(byEmail?.id, id)) {
    throw new CommandError('at Customer.io this id and this e-mail address belong to different people', {
      hint: 'Give only one of --id and --email.',
    })
  }
  const person = {
    id: id || (byEmail?.id ?? undefined),
    email: email || (byId?.email ?? undefined),
    cioId: byId?.cioId ?? byEmail?.cioId,
  }
  return { person, atCustomerIo: byId !== undefined || byEmail !== undefined }
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
  return { id: id ?? undefined, email: email?.toLowerCase() ?? undefined, cioId: cio_id ?? undefined }
}

function absentOr(error: unknown): undefined {
  if (error instanceof CommandError) throw error
  const { status, words } = describeFailure(error)
  if (status !== 404) throw new CommandError(words, { hint: 'Try `secrets check`.' })
}

/** A person without their names: what a journal may hold. */
export interface PersonHashes {
  /** SHA-256 of `id:…`, `email:…` and `cio_id:…`, as queries compare them. */
  readonly names: readonly string[]
  /** As the send ledger has them. */
  readonly ledger: readonly string[]
}

export function nameHash(kind: 'id' | 'email' | 'cio_id', value: string): string {
  return createHash('sha256').update(`${kind}:${value}`).digest('hex')
}

export function hashesOf({ id, email, cioId }: Person): PersonHashes {
  const names: string[] = []
  const ledger: string[] = []
  for (const [kind, value] of [
    ['id', id],
    ['email', email],
    ['cio_id', cioId],
  ] as const) {
    if (value === undefined) continue
    names.push(nameHash(kind, value))
    ledger.push(personHash({ [kind]: value }))
  }
  return { names, ledger }
}

/** Whether a message names somebody with one of these hashes. */
export function namesSomebodyOf(data: Buffer, { names }: PersonHashes): boolean {
  for (const who of peopleIn(data)) {
    if ((['id', 'email', 'cio_id'] as const).some((kind) => names.includes(nameHash(kind, who)))) return true
  }
  return false
}
