import type { Context } from './context.ts'
import { CommandError, NoCredentialsError, wordsOf } from './errors.ts'
import { count } from './output.ts'

/**
 * What one examination came to. `skipped`: it was not examined. `unknown`: reading was refused. Neither says anything of
 * its state.
 */
export interface Finding {
  readonly area: string
  readonly state: 'ok' | 'wrong' | 'warning' | 'skipped' | 'unknown'
  readonly note: string
  /** What to do about it. */
  readonly fix?: string
}

/** An examination that must not keep the others from happening: what it throws is a finding too. */
export async function examine(
  area: string,
  examination: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    return await examination()
  } catch (error) {
    if (error instanceof NoCredentialsError) throw error
    const fix = error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? error.hint : undefined
    return [{ area, state: 'wrong', note: wordsOf(error), ...(fix !== undefined && { fix }) }]
  }
}

export function ok(area: string, note: string): Finding {
  return { area, state: 'ok', note }
}

export function wrong(area: string, note: string, fix: string): Finding {
  return { area, state: 'wrong', note, fix }
}

const MARKS = { ok: '✓', wrong: '✗', warning: '!', skipped: '-', unknown: '?' } as const
const COLOURS = { ok: 'green', wrong: 'red', warning: 'yellow', skipped: 'gray', unknown: 'yellow' } as const

/** Prints all findings, each with its fix: a command names this target, to be copied as it is. */
export function printFindings({ output, connection }: Context, found: readonly Finding[]): void {
  const findings = found.map((finding) =>
    finding.fix?.startsWith('npx cio-gcp ') ? { ...finding, fix: `${finding.fix} ${connection.flags}` } : finding,
  )
  output.result({ target: connection.name, findings }, () => findings.map(line).join('\n'))

  function line({ area, state, note, fix }: Finding): string {
    const mark = output.style(COLOURS[state], MARKS[state])
    return `${mark} ${area.padEnd(18)}${note}${fix === undefined ? '' : `\n  ${''.padEnd(18)}${fix}`}`
  }
}

/** @throws when something is wrong, with the number of such findings: `2 things wrong with project acme` */
export function refuseFaults(findings: readonly Finding[], what: string): void {
  const faults = findings.filter(({ state }) => state === 'wrong').length
  if (faults > 0) throw new CommandError(`${count(faults, 'thing')} ${what}`)
}
