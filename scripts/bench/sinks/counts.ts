import { z } from 'zod'

/** Every sink says where it listens. */
export const readySchema = z.object({ port: z.number() })

/** What a sink has counted since it began. */
export const countsSchema = z.object({
  /** Requests that arrived. */
  requests: z.number(),
  /** Operations, rows or messages in them. */
  items: z.number(),
})
export type Counts = z.infer<typeof countsSchema>
