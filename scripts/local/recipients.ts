import { parseRecipients } from '../../shared/recipients/index.ts'
import { readEnvironment } from '../cio/environment.ts'

/**
 * The variable RECIPIENTS of an environment, from its `values.yaml` as Terraform makes it: `anyone` in production, the rules
 * as JSON in every other.
 *
 * @param from folder in which, and above which, `terraform/environments` is looked for
 * @throws when there is no such environment, or its rules do not hold; names the file and each field
 */
export function recipientsOf(environment: string, from: string): string {
  const { file, values } = readEnvironment(environment, from)
  const { production, recipients } = values as { production?: unknown; recipients?: { redirect_to?: object | null } }
  const { redirect_to: to, ...rules } = recipients ?? {}
  const given = Object.entries(to ?? {}).filter(([, address]) => address !== null)
  const written =
    production === true
      ? 'anyone'
      : JSON.stringify({ ...rules, ...(given.length > 0 && { redirect_to: Object.fromEntries(given) }) })
  const parsed = parseRecipients(written)
  if (parsed !== 'anyone' && 'problems' in parsed) throw new Error(`${file}: recipients: ${parsed.problems.join('; ')}`)
  return written
}
