import { NoCredentialsError, wordsOf } from '../errors.ts'

/** What one examination came to. `skipped`: it could not be examined, which says nothing of its state. */
export interface Finding {
  readonly area: string
  readonly state: 'ok' | 'wrong' | 'warning' | 'skipped'
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
