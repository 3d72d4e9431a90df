import { writeFileSync } from 'node:fs'
import { IdentifierType } from 'customerio-node'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { describeFailure } from '../customerio.ts'
import { isAbout, jsonOf } from '../dead-letters/body.ts'
import { peek } from '../dead-letters/peek.ts'
import { sourcesOf } from '../dead-letters/source.ts'
import { CommandError, usageError, wordsOf } from '../errors.ts'
import { count } from '../output.ts'
import { findPerson, hashesOf, namesSomebodyOf, type Person } from './person.ts'
import { PersonRows, personTables } from './warehouse.ts'

export interface AccessOptions {
  readonly id?: string
  readonly email?: string
  readonly out?: string
}

/** Gathers what every store has of a person. */
export async function access(context: Context, options: AccessOptions): Promise<void> {
  const { output, connection } = context
  const { topology } = connection
  const { person } = await findPerson(context, options)
  const hashes = hashesOf(person)
  const rows = new PersonRows(await connection.bigquery(), topology.bigquery.dataset, hashes)
  const warehouse: Record<string, readonly unknown[]> = {}
  for (const table of personTables(topology.bigquery)) warehouse[table.name] = await rows.read(table)
  const deadLetters = (await peek(context, sourcesOf(topology), {})).filter(
    ({ data }) => namesSomebodyOf(data, hashes) || (person.email !== undefined && isAbout(data, person.email)),
  )
  const report = {
    person,
    customerIo: await atCustomerIo(context, person),
    warehouse,
    sendLedger: await ledgerRecords(context, hashes.ledger),
    deadLetters: deadLetters.map(({ id, source, attributes, data }) => ({
      id,
      source: source.name,
      attributes,
      message: jsonOf(data) ?? data.toString('utf8'),
    })),
  }
  const text = JSON.stringify(report, null, 2)
  if (options.out === undefined) {
    output.result(report, () => text)
    return
  }
  try {
    writeFileSync(options.out, `${text}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    throw usageError(`--out: ${wordsOf(error)}`)
  }
  const found = {
    customerIo: report.customerIo.attributes !== undefined,
    warehouseRows: Object.values(warehouse).reduce((sum, all) => sum + all.length, 0),
    sendRecords: report.sendLedger.length,
    deadLetters: deadLetters.length,
  }
  output.result({ out: options.out, ...found }, () =>
    [
      `written to ${options.out}:`,
      `  Customer.io: ${found.customerIo ? 'attributes, activities and messages' : 'nobody'}`,
      `  warehouse: ${count(found.warehouseRows, 'row')}`,
      `  send ledger: ${count(found.sendRecords, 'record')}`,
      `  dead letters: ${found.deadLetters}`,
    ].join('\n'),
  )
}

async function atCustomerIo({ connection }: Context, { id, email = '' }: Person) {
  const client = await connection.customerIo().app()
  const name = id ?? email
  const idType = id === undefined ? IdentifierType.Email : IdentifierType.Id
  return {
    attributes: await unlessAbsent(() => client.getAttributes(name, idType)),
    activities: await everyPage('activities', (start) =>
      client.getCustomerActivities(name, { idType, limit: 100, ...start }),
    ),
    messages: await everyPage('messages', (start) =>
      client.getCustomerMessages(name, { idType, limit: 1_000, ...start }),
    ),
  }
}

const pageSchema = z.looseObject({ next: z.string().nullish() })

/** A list of Customer.io to its end; undefined when there is no such person. */
export async function everyPage(
  field: string,
  request: (start: { readonly start?: string }) => Promise<unknown>,
): Promise<readonly unknown[] | undefined> {
  const all: unknown[] = []
  let start: string | undefined
  do {
    const answer = await unlessAbsent(() => request(start === undefined ? {} : { start }))
    if (answer === undefined) return undefined
    const parsed = pageSchema.safeParse(answer)
    const page = parsed.data?.[field] ?? []
    if (!parsed.success || !Array.isArray(page)) {
      throw new CommandError(`Customer.io answered in an unknown form about ${field}`)
    }
    all.push(...page)
    start = parsed.data.next || undefined
  } while (start !== undefined)
  return all
}

async function unlessAbsent(request: () => Promise<unknown>): Promise<unknown> {
  try {
    return await request()
  } catch (error) {
    const { status, words } = describeFailure(error)
    if (status === 404) return undefined
    throw new CommandError(words, { hint: 'Try `secrets check`.' })
  }
}

/** Records name nobody but by hashes; who is asked for is known here. */
async function ledgerRecords({ connection }: Context, hashes: readonly string[]): Promise<readonly unknown[]> {
  const firestore = await connection.firestore()
  const collection = firestore.collection(connection.topology.ledger.collection)
  const found = await Promise.all(hashes.map((hash) => collection.where('person_hash', '==', hash).get()))
  return found.flatMap(({ docs }) => docs.map((document) => ({ id: document.id, ...document.data() })))
}
