import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { ledgerHashSchema } from './ledger.ts'

const entrySchema = z.strictObject({
  /** Hashes of the person's names. */
  names: z.array(z.string()),
  /** Hashes of the names, as the send ledger has them. */
  ledger: z.array(ledgerHashSchema),
  /** Those of `names` that are suppressed at Customer.io: id, e-mail address, phone number. */
  identifiers: z.array(z.string()),
  /** False: interrupted before the suppression at Customer.io, which needs the names again. */
  suppressed: z.boolean(),
  /** Keys of rows that could not be deleted, by table. */
  rows: z.record(z.string(), z.array(z.string())).default({}),
  /** Dead letters and quarantined rows that a person has to decide about, by source. */
  undecided: z.record(z.string(), z.array(z.string())).default({}),
})

/** An unfinished erasure. Hashes and ids only: a list of erased people must not name them. */
export type Unfinished = Readonly<z.infer<typeof entrySchema>>

/** One small file per person, written before anything is erased and gone when nothing is left. */
export class EraseJournal {
  readonly #directory: string

  constructor(stateDirectory: string) {
    this.#directory = join(stateDirectory, 'erase')
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
  }

  write(entry: Unfinished): void {
    const path = this.#path(entry)
    writeFileSync(`${path}.new`, JSON.stringify(entry), { mode: 0o600 })
    renameSync(`${path}.new`, path)
  }

  /** What an earlier run for somebody of these names left. */
  of(names: readonly string[]): readonly Unfinished[] {
    return this.unfinished().filter((entry) => entry.names.some((name) => names.includes(name)))
  }

  finished(entry: Pick<Unfinished, 'names'>): void {
    rmSync(this.#path(entry), { force: true })
  }

  unfinished(): readonly Unfinished[] {
    const files = readdirSync(this.#directory).filter((file) => file.endsWith('.json'))
    return files.map((file) => entrySchema.parse(JSON.parse(readFileSync(join(this.#directory, file), 'utf8'))))
  }

  #path({ names }: Pick<Unfinished, 'names'>): string {
    return join(this.#directory, `${names[0]?.slice(0, 32)}.json`)
  }
}
