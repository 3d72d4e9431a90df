import { z } from 'zod'
import { type Finding, ok, wrong } from '../finding.ts'
import type { Plan } from './plan.ts'
import { type Read, unknown } from './read.ts'

const AREA = 'Firestore'

/** https://cloud.google.com/firestore/docs/reference/rest/v1/projects.locations/list */
const locationsSchema = z.looseObject({ locations: z.array(z.looseObject({ locationId: z.string() })).default([]) })

/** The send ledger's location exists: not every region has Firestore, and the choice cannot be changed later. */
export async function examineFirestore(
  read: Read,
  { projectId, firestoreLocation }: Plan,
): Promise<readonly Finding[]> {
  const answer = await read('firestore', `/v1/projects/${projectId}/locations?pageSize=500`, locationsSchema)
  const fix = 'It cannot be changed later. See https://cloud.google.com/firestore/docs/locations'
  if (answer.kind !== 'found') return [unknown(AREA, `whether it has ${firestoreLocation}`, answer, fix)]
  const all = answer.value.locations.map(({ locationId }) => locationId)
  if (all.includes(firestoreLocation)) return [ok(AREA, `has ${firestoreLocation}, for the send ledger`)]
  const note = `has no location ${firestoreLocation}`
  return [wrong(AREA, note, `Set firestore_location in values.yaml to one of: ${all.sort().join(', ')}`)]
}
