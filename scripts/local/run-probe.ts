import { z } from 'zod'
import type { Stack } from './stack.ts'

const roundSchema = z.looseObject({ links: z.array(z.looseObject({ link: z.string(), ok: z.boolean() })) })

/** Links by name. */
export interface ProbeRound {
  readonly intact: readonly string[]
  readonly broken: readonly string[]
}

/** Has the probe try every link once, and tells which are intact and which are broken. */
export async function runProbe(stack: Stack): Promise<ProbeRound> {
  const response = await fetch(stack.endpoints.functions.probe ?? '', { method: 'POST' })
  const { links } = roundSchema.parse(await response.json())
  const named = (wanted: boolean) => links.flatMap(({ link, ok }) => (ok === wanted ? [link] : []))
  return { intact: named(true), broken: named(false) }
}
